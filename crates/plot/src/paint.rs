//! The layout of the panels, and the shapes in them.

use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Circle, Color, DrawingArea, FontStyle, IntoDrawingArea, PathElement, Polygon, Rectangle,
    SVGBackend,
};
use plotters::style::text_anchor::HPos;

use crate::escape::printable;
use crate::legend::Legend;
use crate::style::{
    AXIS, BACKGROUND, BAND_OPACITY, Canvas, DOT, DrawResult, EDGE, FAINT_TEXT, FONT_SIZE, FORECAST,
    GAP, GRID, LEGEND_HEIGHT, LONE_DOT, OBSERVED, PixelRect, SCALE, TEXT, TICK_HEIGHT,
    TITLE_HEIGHT, TITLE_SIZE, length, line, text, text_width, write,
};
use crate::view::{Band, PanelView};

/// The plot area of a panel, with steps and values as coordinates.
type PlotArea<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A figure of panels in rows, all of the same size.
pub(super) struct Figure<'a> {
    views: &'a [PanelView],
    columns: i32,
    /// The width of a panel, in pixels.
    width: i32,
    /// The height of a panel, in pixels.
    height: i32,
    /// The space above the panels, in pixels.
    top: i32,
}

impl<'a> Figure<'a> {
    /// Creates a figure of `views` with a width in pixels.
    pub(super) fn new(views: &'a [PanelView], width: u32) -> Self {
        let columns = match views.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let width = i32::try_from(width.clamp(300, 4_000)).unwrap_or(800) / columns;
        let is_single = columns == 1;
        Self {
            views,
            columns,
            width,
            height: if is_single {
                (width * 2 / 5).max(200)
            } else {
                (width * 3 / 4).max(150)
            },
            top: if is_single { 0 } else { LEGEND_HEIGHT },
        }
    }

    /// Returns the width and the height in pixels.
    pub(super) fn size(&self) -> (i32, i32) {
        let n_views = length(self.views.len().max(1));
        let rows = n_views.div_euclid(self.columns) + i32::from(n_views % self.columns > 0);
        (self.width * self.columns, self.top + self.height * rows)
    }

    /// Returns the size in drawing units.
    pub(super) fn scaled_size(&self) -> (i32, i32) {
        let (width, height) = self.size();
        (width * SCALE, height * SCALE)
    }

    /// Returns the shapes as SVG elements.
    pub(super) fn shapes(&self) -> String {
        let (width, height) = self.scaled_size();
        let mut document = String::new();
        let canvas =
            SVGBackend::with_string(&mut document, (width.unsigned_abs(), height.unsigned_abs()))
                .into_drawing_area();
        // Drawing into a string cannot fail. If it did, the drawing would have the shapes until
        // then.
        let is_complete = self.draw(&canvas).and_then(|()| canvas.present()).is_ok();
        drop(canvas);
        debug_assert!(is_complete, "drawing into a string failed");
        let inner = document.split_once(">\n").map_or("", |(_, inner)| inner);
        inner.strip_suffix("</svg>\n").unwrap_or(inner).to_owned()
    }

    fn draw(&self, canvas: &Canvas<'_>) -> DrawResult {
        let (width, height) = self.size();
        let background = PixelRect {
            left: 0,
            top: 0,
            right: width,
            bottom: height,
        };
        canvas.draw(&Rectangle::new(background.corners(), BACKGROUND.filled()))?;
        let legend = Legend::new(self.views);
        let legend_left = width - EDGE - legend.width();
        legend.draw(canvas, legend_left, TITLE_HEIGHT / 2)?;
        for (index, view) in self.views.iter().enumerate() {
            let index = length(index);
            let left = self.width * (index % self.columns);
            let top = self.top + self.height * (index / self.columns);
            let place = PixelRect {
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
            draw_panel(canvas, view, place, title_right)?;
        }
        Ok(())
    }
}

fn draw_panel(
    canvas: &Canvas<'_>,
    view: &PanelView,
    place: PixelRect,
    title_right: i32,
) -> DrawResult {
    let max_chars = (title_right - place.left - EDGE).max(0) / (TITLE_SIZE * 7 / 10);
    let title = printable(&view.title, usize::try_from(max_chars).unwrap_or(0));
    let title_style = text(TITLE_SIZE, TEXT, FontStyle::Bold, HPos::Left);
    write(
        canvas,
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
    let inner = PixelRect {
        left: place.left + EDGE + widest + GAP,
        top: place.top + TITLE_HEIGHT + 4,
        right: place.right - EDGE - GAP,
        bottom: place.bottom - EDGE - TICK_HEIGHT,
    };
    let area = plot_area(canvas, inner, view);
    let (first, last) = step_range(view);
    let label = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Right);
    for tick in value_ticks {
        area.draw(&PathElement::new(
            [(first, tick.at), (last, tick.at)],
            line(GRID, 10),
        ))?;
        let (_, height) = area.map_coordinate(&(first, tick.at));
        canvas.draw_text(&tick.label, &label, ((inner.left - 8) * SCALE, height))?;
    }
    draw_data(&area, view, inner.width())?;
    draw_time_axis(canvas, &area, view, inner)
}

/// Returns the range of steps on the time axis.
fn step_range(view: &PanelView) -> (f64, f64) {
    (
        view.first_step() as f64 - 0.5,
        view.last_step() as f64 + 0.5,
    )
}

fn plot_area<'a>(canvas: &Canvas<'a>, inner: PixelRect, view: &PanelView) -> PlotArea<'a> {
    let (first, last) = step_range(view);
    let (low, high) = view.range;
    let horizontal = inner.left * SCALE..inner.right * SCALE;
    // Values increase upwards, and coordinates of the canvas downwards.
    let vertical = inner.bottom * SCALE..inner.top * SCALE;
    canvas.apply_coord_spec(Cartesian2d::new(
        first..last,
        low..high,
        (horizontal, vertical),
    ))
}

fn draw_data(area: &PlotArea<'_>, view: &PanelView, width: i32) -> DrawResult {
    for band in &view.bands {
        area.draw(&Polygon::new(
            outline(view, band),
            FORECAST.mix(BAND_OPACITY).filled(),
        ))?;
    }
    let (low, high) = view.range;
    area.draw(&PathElement::new([(0.0, low), (0.0, high)], line(AXIS, 10)))?;
    draw_observed(area, view, width)?;
    let median: Vec<_> = view
        .anchor()
        .map(|value| (0.0, value))
        .into_iter()
        .chain(forecast_points(&view.median))
        .collect();
    if let [only] = median[..] {
        area.draw(&Circle::new(only, LONE_DOT, FORECAST.filled()))?;
    }
    area.draw(&PathElement::new(median, line(FORECAST, 22)))
}

/// Draws the history: a line for each run of values, and points where there is space for them or
/// where a value has no neighbours.
fn draw_observed(area: &PlotArea<'_>, view: &PanelView, width: i32) -> DrawResult {
    let first = view.first_step();
    let points: Vec<_> = view
        .observed
        .iter()
        .enumerate()
        .map(|(index, value)| ((first + i64::from(length(index))) as f64, *value))
        .collect();
    for run in points
        .split(|(_, value)| value.is_nan())
        .filter(|run| run.len() > 1)
    {
        area.draw(&PathElement::new(run.to_vec(), line(OBSERVED, 15)))?;
    }
    let (first_edge, last_edge) = step_range(view);
    let has_space = f64::from(width) / (last_edge - first_edge) >= 7.0;
    let is_missing = |index: Option<usize>| {
        index
            .and_then(|index| view.observed.get(index))
            .is_none_or(|value| value.is_nan())
    };
    for (index, (step, value)) in points.iter().enumerate() {
        let is_isolated = is_missing(index.checked_sub(1)) && is_missing(Some(index + 1));
        if value.is_finite() && (has_space || is_isolated) {
            area.draw(&Circle::new((*step, *value), DOT, OBSERVED.filled()))?;
        }
    }
    Ok(())
}

/// Returns the points of `values`, which begin at step 1.
fn forecast_points(values: &[f64]) -> impl DoubleEndedIterator<Item = (f64, f64)> {
    values
        .iter()
        .enumerate()
        .map(|(index, value)| (f64::from(length(index) + 1), *value))
}

/// Returns the outline of a band, which begins at the end of the history if that is observed.
fn outline(view: &PanelView, band: &Band) -> Vec<(f64, f64)> {
    let anchor = view.anchor().map(|value| (0.0, value));
    let edge = |values: &[f64]| -> Vec<_> {
        match (values, anchor) {
            // A single step without an anchor would have no width.
            (&[only], None) => vec![(0.7, only), (1.3, only)],
            _ => forecast_points(values).collect(),
        }
    };
    anchor
        .into_iter()
        .chain(edge(&band.upper))
        .chain(edge(&band.lower).into_iter().rev())
        .collect()
}

fn draw_time_axis(
    canvas: &Canvas<'_>,
    area: &PlotArea<'_>,
    view: &PanelView,
    inner: PixelRect,
) -> DrawResult {
    let (low, _) = view.range;
    let (first, last) = step_range(view);
    area.draw(&PathElement::new(
        [(first, low), (last, low)],
        line(AXIS, 10),
    ))?;
    let max_chars = usize::try_from(inner.width() / text_width("0")).unwrap_or(0);
    let style = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Center);
    for tick in view.time_ticks(max_chars) {
        let (x, y) = area.map_coordinate(&(tick.at, low));
        let half_width = text_width(&tick.label) * SCALE / 2;
        let visible = (inner.left - GAP) * SCALE..=(inner.right + GAP + EDGE) * SCALE;
        canvas.draw(&PathElement::new([(x, y), (x, y + 40)], line(AXIS, 10)))?;
        if visible.contains(&(x - half_width)) && visible.contains(&(x + half_width)) {
            canvas.draw_text(&tick.label, &style, (x, y + 150))?;
        }
    }
    Ok(())
}
