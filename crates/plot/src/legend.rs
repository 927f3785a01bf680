//! What the lines and areas of a drawing are.

use plotters::prelude::{Circle, Color, FontStyle, PathElement, Rectangle};
use plotters::style::text_anchor::HPos;

use crate::paint::{
    BAND_OPACITY, DOT, Drawn, FAINT_TEXT, FONT_SIZE, FORECAST, GAP, OBSERVED, Page, Place, SCALE,
    length, line, text, text_width, write,
};
use crate::view::View;

/// Width of a sample in pixels.
const SWATCH: i32 = 18;

const OBSERVED_LABEL: &str = "observed";
const MEDIAN_LABEL: &str = "median";

/// A sample and a label for each kind of shape, the same for all panels.
pub(super) struct Legend {
    /// The label of each band and how many lie on each other there, the widest first.
    bands: Vec<(String, i32)>,
}

impl Legend {
    pub(super) fn of(views: &[View]) -> Self {
        let mut bands: Vec<(String, i32)> = Vec::new();
        for (layer, band) in views.iter().flat_map(|view| view.bands.iter().enumerate()) {
            if bands.iter().all(|(label, _)| *label != band.label) {
                bands.push((band.label.clone(), length(layer + 1)));
            }
        }
        Self { bands }
    }

    pub(super) fn width(&self) -> i32 {
        let bands = self.bands.iter().map(|(label, _)| label.as_str());
        [OBSERVED_LABEL, MEDIAN_LABEL]
            .into_iter()
            .chain(bands)
            .map(entry_width)
            .sum::<i32>()
            - GAP
    }

    pub(super) fn draw(&self, page: &Page<'_>, left: i32, middle: i32) -> Drawn {
        let style = text(FONT_SIZE, FAINT_TEXT, FontStyle::Normal, HPos::Left);
        let ends = |left: i32| {
            [
                (left * SCALE, middle * SCALE),
                ((left + SWATCH) * SCALE, middle * SCALE),
            ]
        };
        let label = |label: &str, left: i32| {
            write(page, label, &style, (left + SWATCH + 6, middle))?;
            Ok(left + entry_width(label))
        };
        page.draw(&PathElement::new(ends(left), line(OBSERVED, 15)))?;
        let dot = ((left + SWATCH / 2) * SCALE, middle * SCALE);
        page.draw(&Circle::new(dot, DOT, OBSERVED.filled()))?;
        let left = label(OBSERVED_LABEL, left)?;
        page.draw(&PathElement::new(ends(left), line(FORECAST, 22)))?;
        let mut left = label(MEDIAN_LABEL, left)?;
        // Narrow bands first, as they lie around the median.
        for (name, layers) in self.bands.iter().rev() {
            let (right, top, bottom) = (left + SWATCH, middle - 6, middle + 6);
            let colour = FORECAST.mix(1.0 - (1.0 - BAND_OPACITY).powi(*layers));
            let swatch = Place {
                left,
                top,
                right,
                bottom,
            };
            page.draw(&Rectangle::new(swatch.corners(), colour.filled()))?;
            left = label(name, left)?;
        }
        Ok(())
    }
}

fn entry_width(label: &str) -> i32 {
    SWATCH + 6 + text_width(label) + GAP + 4
}
