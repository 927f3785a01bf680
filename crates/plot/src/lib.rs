//! Drawings of forecasts and leaderboards in SVG.
//!
//! The drawing of a forecast shows the end of the history, the median, and the bands around it. A
//! drawing needs no fonts, files or scripts, and is readable at any size, on paper and on a dark
//! page. Every valid series can be drawn; no function of this crate fails.

mod axis;
mod escape;
mod leaderboard;
mod legend;
mod paint;
mod style;
mod time;
mod view;

use almanac_forecast::{CentralLevel, Forecast, ForecastRequest};

use crate::escape::{escaped, printable};
use crate::paint::Figure;
use crate::view::PanelView;

pub use crate::leaderboard::leaderboard_svg;

/// The maximum number of panels in a drawing. Further panels are omitted.
pub const MOST_PANELS: usize = 9;

/// One series and its forecast.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// The title of the panel, such as the id of the series.
    pub title: &'a str,
    /// The series, and the requested levels.
    pub request: &'a ForecastRequest,
    /// The forecast of that request.
    pub forecast: &'a Forecast,
}

/// The options of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotOptions {
    /// The bands to draw, if the forecast has their quantiles; 80 and 95 % if empty.
    ///
    /// A forecast that has none of them is drawn with one band, from its lowest quantile to its
    /// highest.
    pub levels: Vec<CentralLevel>,
    /// The width of the drawing in pixels, from 300 to 4,000.
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
        .map(|panel| PanelView::new(panel, &options.levels))
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
    let description = escaped(
        &views
            .iter()
            .map(PanelView::description)
            .collect::<Vec<_>>()
            .join(" "),
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {scaled_width} {scaled_height}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n{shapes}</svg>\n"
    )
}

#[cfg(test)]
mod tests;
