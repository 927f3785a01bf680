//! Where the panels stand on the page, and the shapes in them.

use std::io;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    Circle, Color, DrawingArea, FontDesc, FontFamily, FontStyle, IntoDrawingArea, PathElement,
    Polygon, RGBAColor, RGBColor, Rectangle, SVGBackend, ShapeStyle, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::escape::printable;
use crate::legend::Legend;
use crate::view::{Band, View};

/// Shapes are placed on whole points, so a pixel is cut into ten.
pub(super) const SCALE: i32 = 10;

/// Lengths in pixels.
const EDGE: i32 = 12;
const TITLE_HEIGHT: i32 = 34;
const LEGEND_HEIGHT: i32 = 22;
const TICK_HEIGHT: i32 = 24;
pub(super) const GAP: i32 = 10;
pub(super) const FONT_SIZE: i32 = 12;
const TITLE_SIZE: i32 = 14;

/// Hues that colour-blind people tell apart: Okabe and Ito, "Color universal design", 2008.
pub(super) const FORECAST: RGBColor = RGBColor(0, 114, 178);
pub(super) const OBSERVED: RGBColor = RGBColor(46, 52, 59);
const TEXT: RGBColor = RGBColor(36, 41, 47);
pub(super) const FAINT_TEXT: RGBColor = RGBColor(96, 104, 113);
const GRID: RGBColor = RGBColor(230, 233, 236);
const AXIS: RGBColor = RGBColor(170, 177, 184);
const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Radii of points, in tenths of a pixel.
pub(super) const DOT: u32 = 21;
const LONE_DOT: u32 = 30;

/// Bands lie on each other, so that narrower ones are darker.
pub(super) const BAND_OPACITY: f64 = 0.2;

const FONT: &str = "-apple-system, BlinkMacSystemFont, Segoe UI, Helvetica, Arial, sans-serif";

type Backend<'a> = SVGBackend<'a>;
pub(super) type Page<'a> = DrawingArea<Backend<'a>, Shift>;
type Plane<'a> = DrawingArea<Backend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Panels in rows, all of one size.
pub(super) struct Figure<'a> {
    views: &'a [View],
    columns: i32,
    /// Of one panel.
    width: i32,
    height: i32,
    /// Above the panels.
    top: i32,
}

/// A rectangle on the page, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl<'a> Figure<'a> {
    /// The figure of `views`, `width` pixels wide.
    pub(super) fn new(views: &'a [View], width: u32) -> Self {
        let columns = match views.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let width = i32::try_from(width.clamp(300, 4_000)).unwrap_or(800) / columns;
        let alone = columns == 1;
        Self {
            views,
            columns,
            width,
            height: if alone {
                (width * 2 / 5).max(200)
            } else {
                (width * 3 / 4).max(150)
            },
            top: if alone { 0 } else { LEGEND_HEIGHT },
        }
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (i32, i32) {
        let rows = length(self.views.len().max(1)).div_euclid(self.columns)
            + i32::from(length(self.views.len().max(1)) % self.columns > 0);
        (self.width * self.columns, self.top + self.height * rows)
    }

    /// The size in the units of the shapes.
    pub(super) fn scaled_size(&self) -> (i32, i32) {
        let (width, height) = self.size();
        (width * SCALE, height * SCALE)
    }

    /// The shapes as SVG elements.
    pub(super) fn shapes(&self) -> String {
        let (width, height) = self.scaled_size();
        let mut document = String::new();
        let page =
            SVGBackend::with_string(&mut document, (width.unsigned_abs(), height.unsigned_abs()))
                .into_drawing_area();
        // A string takes every shape; had it not, what it has of them would be the drawing.
        let complete = self.draw(&page).and_then(|()| page.present()).is_ok();
        drop(page);
        debug_assert!(complete, "a string refused a shape");
        let inner = document.split_once(">\n").map_or("", |(_, inner)| inner);
        inner.strip_suffix("</svg>\n").unwrap_or(inner).to_owned()
    }

    fn draw(&self, page: &Page<'_>) -> Drawn {
        let (width, height) = self.size();
        let paper = Place {
            left: 0,
            top: 0,
            right: width,
            bottom: height,
        };
        page.draw(&Rectangle::new(paper.corners(), PAPER.filled()))?;
        let legend = Legend::of(self.views);
        let legend_left = width - EDGE - legend.width();
        legend.draw(page, legend_left, TITLE_HEIGHT / 2)?;
        for (number, view) in self.views.iter().enumerate() {
            let number = length(number);
            let left = self.width * (number % self.columns);
            let top = self.top + self.height * (number / self.columns);
            let place = Place {
                left,
                top,
                right: left + self.width,
                bottom: top + self.height,
            };
            let title_right = if self.columns == 1 {
                legend_left - GAP
            } else {
                place.right - EDGE
            };
            draw_panel(page, view, place, title_right)?;
        }
        Ok(())
    }
}

fn draw_panel(page: &Page<'_>, view: &View, place: Place, title_right: i32) -> Drawn {
    let room = (title_right - place.left - EDGE).max(0) / (TITLE_SIZE * 7 / 10);
    let title = printable(&view.title, usize::try_from(room).unwrap_or(0));
    let title_style = text(TITLE_SIZE, TEXT, FontStyle::Bold, HPos::Left);
    write(
        page,
        &title,
        &title_style,
        (place.left + EDGE, place.top + TITLE_HEIGHT / 2),
    )?;

    let value_ticks = view.value_ticks(if place.height() > 250 { 6 } else { 5 });
    let widest = value_ticks
        .iter()
        .map(|tick| text_width(&tick.label))
        .max()
        .unwrap_or(0);
    let inner = Place {
        left: place.left + EDGE + widest + GAP,
        top: place.top + TITLE_HEIGHT + 4,
        right: place.right - EDGE - GAP,
        bottom: place.bottom - EDGE - TICK_HEIGHT,
    };
    let plane = plane(page, inner, view);
    let (first, last) = steps(view);
    let label = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Right);
    for tick in value_ticks {
        plane.draw(&PathElement::new(
            [(first, tick.at), (last, tick.at)],
            line(GRID, 10),
        ))?;
        let (_, height) = plane.map_coordinate(&(first, tick.at));
        page.draw_text(&tick.label, &label, ((inner.left - 8) * SCALE, height))?;
    }
    draw_data(&plane, view, inner.width())?;
    draw_time_axis(page, &plane, view, inner)
}

/// The stretch of steps that a panel has room for.
fn steps(view: &View) -> (f64, f64) {
    (
        view.first_step() as f64 - 0.5,
        view.last_step() as f64 + 0.5,
    )
}

fn plane<'a>(page: &Page<'a>, inner: Place, view: &View) -> Plane<'a> {
    let (first, last) = steps(view);
    let (low, high) = view.range;
    let horizontal = inner.left * SCALE..inner.right * SCALE;
    // Values go up, and the page goes down.
    let vertical = inner.bottom * SCALE..inner.top * SCALE;
    page.apply_coord_spec(Cartesian2d::new(
        first..last,
        low..high,
        (horizontal, vertical),
    ))
}

fn draw_data(plane: &Plane<'_>, view: &View, width: i32) -> Drawn {
    for band in &view.bands {
        plane.draw(&Polygon::new(
            outline(view, band),
            FORECAST.mix(BAND_OPACITY).filled(),
        ))?;
    }
    let (low, high) = view.range;
    plane.draw(&PathElement::new([(0.0, low), (0.0, high)], line(AXIS, 10)))?;
    let first = view.first_step();
    let at = |place: usize| (first + i64::from(length(place))) as f64;
    let points = || {
        view.observed
            .iter()
            .enumerate()
            .map(|(place, value)| (at(place), *value))
    };
    let known: Vec<_> = points().collect();
    for run in known
        .split(|(_, value)| value.is_nan())
        .filter(|run| run.len() > 1)
    {
        plane.draw(&PathElement::new(run.to_vec(), line(OBSERVED, 15)))?;
    }
    let (from, to) = steps(view);
    let roomy = f64::from(width) / (to - from) >= 7.0;
    for (place, (step, value)) in points().enumerate() {
        let missing = |place: Option<usize>| {
            place
                .and_then(|place| view.observed.get(place))
                .is_none_or(|value| value.is_nan())
        };
        let alone = missing(place.checked_sub(1)) && missing(Some(place + 1));
        if value.is_finite() && (roomy || alone) {
            plane.draw(&Circle::new((step, value), DOT, OBSERVED.filled()))?;
        }
    }
    let anchor = view.anchor().map(|value| (0.0, value));
    let ahead = view.median.iter().enumerate();
    let ahead = ahead.map(|(place, value)| (f64::from(length(place + 1)), *value));
    let median: Vec<_> = anchor.into_iter().chain(ahead).collect();
    if let [only] = median[..] {
        plane.draw(&Circle::new(only, LONE_DOT, FORECAST.filled()))?;
    }
    plane.draw(&PathElement::new(median, line(FORECAST, 22)))
}

/// Around the band, from the end of the history where that is observed.
fn outline(view: &View, band: &Band) -> Vec<(f64, f64)> {
    let anchor = view.anchor().map(|value| (0.0, value));
    let at = |place: usize| f64::from(length(place + 1));
    let along = |values: &[f64]| -> Vec<_> {
        // Alone, a step would have no width.
        match (values, anchor) {
            (&[only], None) => vec![(at(0) - 0.3, only), (at(0) + 0.3, only)],
            _ => values
                .iter()
                .enumerate()
                .map(|(place, value)| (at(place), *value))
                .collect(),
        }
    };
    let back = along(&band.lower).into_iter().rev();
    anchor
        .into_iter()
        .chain(along(&band.upper))
        .chain(back)
        .collect()
}

fn draw_time_axis(page: &Page<'_>, plane: &Plane<'_>, view: &View, inner: Place) -> Drawn {
    let (low, _) = view.range;
    let (first, last) = steps(view);
    plane.draw(&PathElement::new(
        [(first, low), (last, low)],
        line(AXIS, 10),
    ))?;
    let room = usize::try_from(inner.width() / text_width("0")).unwrap_or(0);
    let style = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Center);
    for tick in view.time_ticks(room) {
        let (across, down) = plane.map_coordinate(&(tick.at, low));
        let half = text_width(&tick.label) * SCALE / 2;
        let within = (inner.left - GAP) * SCALE..=(inner.right + GAP + EDGE) * SCALE;
        page.draw(&PathElement::new(
            [(across, down), (across, down + 40)],
            line(AXIS, 10),
        ))?;
        if within.contains(&(across - half)) && within.contains(&(across + half)) {
            page.draw_text(&tick.label, &style, (across, down + 150))?;
        }
    }
    Ok(())
}

impl Place {
    pub(super) const fn corners(self) -> [(i32, i32); 2] {
        [
            (self.left * SCALE, self.top * SCALE),
            (self.right * SCALE, self.bottom * SCALE),
        ]
    }

    const fn width(self) -> i32 {
        self.right - self.left
    }

    const fn height(self) -> i32 {
        self.bottom - self.top
    }
}

/// A line of so many tenths of a pixel.
pub(super) fn line(colour: RGBColor, width: u32) -> ShapeStyle {
    ShapeStyle {
        color: RGBAColor::from(colour),
        filled: false,
        stroke_width: width,
    }
}

pub(super) fn text(
    size: i32,
    colour: RGBColor,
    style: FontStyle,
    anchor: HPos,
) -> TextStyle<'static> {
    // The backend divides sizes by 1.24.
    let font = FontDesc::new(
        FontFamily::Name(FONT),
        f64::from(size * SCALE) * 1.24,
        style,
    );
    let mut style = TextStyle::from(font).pos(Pos::new(anchor, VPos::Center));
    style.color = colour.to_backend_color();
    style
}

pub(super) fn write(page: &Page<'_>, words: &str, style: &TextStyle<'_>, at: (i32, i32)) -> Drawn {
    page.draw_text(words, style, (at.0 * SCALE, at.1 * SCALE))
}

/// About as wide as `words` come out: there is no font to measure with.
pub(super) fn text_width(words: &str) -> i32 {
    length(words.chars().count()) * FONT_SIZE * 6 / 10
}

/// Lengths here are bounded by what a panel shows.
pub(super) fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / SCALE)
}
