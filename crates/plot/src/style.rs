//! The lengths, colours and fonts of a drawing, and the primitives that its parts share.

use std::io;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    Color as _, DrawingArea, FontDesc, FontFamily, FontStyle, RGBAColor, RGBColor, SVGBackend,
    ShapeStyle, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The number of drawing units per pixel. Shapes are placed on whole units, so a pixel has ten.
pub(super) const SCALE: i32 = 10;

// Lengths in pixels.
pub(super) const EDGE: i32 = 12;
pub(super) const TITLE_HEIGHT: i32 = 34;
pub(super) const LEGEND_HEIGHT: i32 = 22;
pub(super) const TICK_HEIGHT: i32 = 24;
pub(super) const GAP: i32 = 10;
pub(super) const FONT_SIZE: i32 = 12;
pub(super) const TITLE_SIZE: i32 = 14;

// Colours that are distinct for colour-blind readers: Okabe and Ito, "Color universal design",
// 2008.
pub(super) const FORECAST: RGBColor = RGBColor(0, 114, 178);
pub(super) const OBSERVED: RGBColor = RGBColor(46, 52, 59);
pub(super) const TEXT: RGBColor = RGBColor(36, 41, 47);
pub(super) const FAINT_TEXT: RGBColor = RGBColor(96, 104, 113);
pub(super) const GRID: RGBColor = RGBColor(230, 233, 236);
pub(super) const AXIS: RGBColor = RGBColor(170, 177, 184);
pub(super) const BACKGROUND: RGBColor = RGBColor(255, 255, 255);

/// The radius of a point, in tenths of a pixel.
pub(super) const DOT: u32 = 21;

/// The radius of the point of a forecast of a single step, in tenths of a pixel.
pub(super) const LONE_DOT: u32 = 30;

/// The opacity of a band. Bands overlap, so that narrower ones are darker.
pub(super) const BAND_OPACITY: f64 = 0.2;

const FONT: &str = "-apple-system, BlinkMacSystemFont, Segoe UI, Helvetica, Arial, sans-serif";

/// The area of the whole drawing.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The result of drawing shapes.
pub(super) type DrawResult = Result<(), DrawingAreaErrorKind<io::Error>>;

/// A rectangle on the canvas, in pixels.
#[derive(Clone, Copy)]
pub(super) struct PixelRect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl PixelRect {
    /// Returns the upper left and the lower right corner, in drawing units.
    pub(super) const fn corners(self) -> [(i32, i32); 2] {
        [
            (self.left * SCALE, self.top * SCALE),
            (self.right * SCALE, self.bottom * SCALE),
        ]
    }

    pub(super) const fn width(self) -> i32 {
        self.right - self.left
    }

    pub(super) const fn height(self) -> i32 {
        self.bottom - self.top
    }
}

/// Returns the style of a line with a width in tenths of a pixel.
pub(super) fn line(colour: RGBColor, width: u32) -> ShapeStyle {
    ShapeStyle {
        color: RGBAColor::from(colour),
        filled: false,
        stroke_width: width,
    }
}

/// Returns the style of a text with a size in pixels.
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

/// Writes `words` at a position in pixels.
pub(super) fn write(
    canvas: &Canvas<'_>,
    words: &str,
    style: &TextStyle<'_>,
    at: (i32, i32),
) -> DrawResult {
    canvas.draw_text(words, style, (at.0 * SCALE, at.1 * SCALE))
}

/// Returns the approximate width of `words` in pixels, since there is no font to measure with.
pub(super) fn text_width(words: &str) -> i32 {
    length(words.chars().count()) * FONT_SIZE * 6 / 10
}

/// Converts a count, which is bounded by what a panel shows, to a length.
pub(super) fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / SCALE)
}
