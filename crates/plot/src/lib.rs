//! Forecasts as a drawing in SVG: the end of the history, the median, and bands around it.
//!
//! A drawing needs no fonts, no files and no script; it reads well at any size, on paper and on a
//! dark page. Whatever the series, there is a drawing: nothing here fails.

mod axis;
mod escape;
mod leaderboard;
mod legend;
mod paint;
mod time;
mod view;

pub use leaderboard::leaderboard_svg;

use crate::escape::{escaped, printable};
use crate::paint::Figure;
use crate::view::View;
use almanac_forecast::{CentralLevel, Forecast, ForecastRequest};

/// The most panels of one drawing. Those beyond are left out.
pub const MOST_PANELS: usize = 9;

/// One series and its forecast.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// What stands above it, such as the id of the series.
    pub title: &'a str,
    /// The series, and the levels that were asked for.
    pub request: &'a ForecastRequest,
    /// The forecast of that request.
    pub forecast: &'a Forecast,
}

/// How to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotOptions {
    /// The bands, where the forecasts have them. When empty: 80 and 95, or where a forecast has
    /// neither, from its lowest quantile to its highest.
    pub levels: Vec<CentralLevel>,
    /// Width of the drawing in pixels, between 300 and 4,000.
    pub width: u32,
}

impl Default for PlotOptions {
    fn default() -> Self {
        Self {
            levels: Vec::new(),
            width: 800,
        }
    }
}

/// Draws up to [`MOST_PANELS`] forecasts, each in its own panel, as an SVG document.
#[must_use]
pub fn svg(panels: &[Panel<'_>], options: &PlotOptions) -> String {
    let views: Vec<_> = panels
        .iter()
        .take(MOST_PANELS)
        .map(|panel| View::of(panel, &options.levels))
        .collect();
    let figure = Figure::new(&views, options.width);
    let (width, height) = figure.size();
    let (scaled_width, scaled_height) = figure.scaled_size();
    let shapes = figure.shapes();
    let titles: Vec<_> = views.iter().map(|view| view.title.as_str()).collect();
    let title = escaped(&format!(
        "Forecast of {}",
        printable(&titles.join(", "), 120)
    ));
    let about = escaped(
        &views
            .iter()
            .map(View::described)
            .collect::<Vec<_>>()
            .join(" "),
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {scaled_width} {scaled_height}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{title}</title>\n<desc>{about}</desc>\n{shapes}</svg>\n"
    )
}

#[cfg(test)]
mod tests;
