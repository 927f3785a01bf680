//! The legend of a drawing.

use plotters::prelude::{Circle, Color, FontStyle, PathElement, Rectangle};
use plotters::style::text_anchor::HPos;

use crate::style::{
    BAND_OPACITY, Canvas, DOT, DrawResult, FAINT_TEXT, FONT_SIZE, FORECAST, GAP, OBSERVED,
    PixelRect, SCALE, length, line, text, text_width, write,
};
use crate::view::PanelView;

/// The width of a sample, in pixels.
const SWATCH_WIDTH: i32 = 18;

const OBSERVED_LABEL: &str = "observed";
const MEDIAN_LABEL: &str = "median";

/// A legend with a sample and a label for each kind of shape, shared by all panels.
pub(super) struct Legend {
    /// The bands, the widest first.
    bands: Vec<LegendBand>,
}

/// A band in the legend.
struct LegendBand {
    label: String,
    /// The number of bands that overlap there.
    n_layers: i32,
}

impl Legend {
    pub(super) fn new(views: &[PanelView]) -> Self {
        let mut bands: Vec<LegendBand> = Vec::new();
        for (layer, band) in views.iter().flat_map(|view| view.bands.iter().enumerate()) {
            if bands.iter().all(|other| other.label != band.label) {
                bands.push(LegendBand {
                    label: band.label.clone(),
                    n_layers: length(layer + 1),
                });
            }
        }
        Self { bands }
    }

    pub(super) fn width(&self) -> i32 {
        [OBSERVED_LABEL, MEDIAN_LABEL]
            .into_iter()
            .chain(self.bands.iter().map(|band| band.label.as_str()))
            .map(entry_width)
            .sum::<i32>()
            - GAP
    }

    pub(super) fn draw(&self, canvas: &Canvas<'_>, left: i32, middle: i32) -> DrawResult {
        let style = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Left);
        let ends = |left: i32| {
            [
                (left * SCALE, middle * SCALE),
                ((left + SWATCH_WIDTH) * SCALE, middle * SCALE),
            ]
        };
        let label = |label: &str, left: i32| {
            write(canvas, label, &style, (left + SWATCH_WIDTH + 6, middle))?;
            Ok(left + entry_width(label))
        };
        canvas.draw(&PathElement::new(ends(left), line(OBSERVED, 15)))?;
        let dot = ((left + SWATCH_WIDTH / 2) * SCALE, middle * SCALE);
        canvas.draw(&Circle::new(dot, DOT, OBSERVED.filled()))?;
        let left = label(OBSERVED_LABEL, left)?;
        canvas.draw(&PathElement::new(ends(left), line(FORECAST, 22)))?;
        let mut left = label(MEDIAN_LABEL, left)?;
        // The narrowest band comes first, as it is next to the median.
        for band in self.bands.iter().rev() {
            let (right, top, bottom) = (left + SWATCH_WIDTH, middle - 6, middle + 6);
            let colour = FORECAST.mix(1.0 - (1.0 - BAND_OPACITY).powi(band.n_layers));
            let swatch = PixelRect {
                left,
                top,
                right,
                bottom,
            };
            canvas.draw(&Rectangle::new(swatch.corners(), colour.filled()))?;
            left = label(&band.label, left)?;
        }
        Ok(())
    }
}

fn entry_width(label: &str) -> i32 {
    SWATCH_WIDTH + 6 + text_width(label) + GAP + 4
}
