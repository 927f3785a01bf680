//! The drawing of a leaderboard, with a row for each entrant and a column of bars for each score.
//!
//! The drawing is written as text: it has only rectangles, lines and words at computed positions,
//! and a plotting library would need more code to omit its axes.

use std::fmt::{self, Write as _};

use almanac_forecast::backtest::{Entrant, EntrantKind, LeaderboardEntry};
use almanac_forecast::{CentralLevel, Leaderboard};

use crate::escape::{escaped, printable};

/// The maximum number of rows in a drawing. The best entrants are drawn.
const MAX_ROWS: usize = 40;

// Lengths in pixels.
const EDGE: usize = 14;
const NAME_WIDTH: usize = 190;
const COLUMN_WIDTH: usize = 170;
const NUMBER_WIDTH: usize = 64;
const GAP: usize = 18;
const HEAD_HEIGHT: usize = 58;
const ROW_HEIGHT: usize = 26;
const BAR_HEIGHT: usize = 14;

/// The maximum ratio that a bar shows. A larger one is truncated, and only its number shows it.
const MAX_RATIO: f64 = 2.0;

// Colours that are distinct for colour-blind readers: Okabe and Ito, "Color universal design",
// 2008.
const MODEL: &str = "#0072b2";
const CALIBRATED: &str = "#56b4e9";
const BASELINE: &str = "#b4bac0";

/// A column of the drawing.
struct ScoreColumn {
    title: String,
    hint: &'static str,
    /// The value of the dashed line: that of seasonal naive, or the nominal coverage.
    reference: f64,
    /// The value of the longest bar.
    max_value: f64,
    values: Vec<Option<f64>>,
}

/// Draws `board` as an SVG document, with both scores relative to seasonal naive, and the coverage
/// of the first central level.
#[must_use]
pub fn leaderboard_svg(board: &Leaderboard) -> String {
    let rows = &board.standings[..board.standings.len().min(MAX_ROWS)];
    let columns = columns(rows, board.measures.levels.first().copied());
    let width = 2 * EDGE + NAME_WIDTH + columns.len() * COLUMN_WIDTH;
    let height = HEAD_HEIGHT + rows.len() * ROW_HEIGHT + EDGE;
    let names: Vec<_> = rows.iter().map(|row| row.entrant.to_string()).collect();
    let description = escaped(&printable(&names.join(", "), 400));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" font-size=\"12\" \
         font-family=\"-apple-system, BlinkMacSystemFont, Segoe UI, Helvetica, Arial, sans-serif\">\n\
         <title>Backtest: errors relative to seasonal naive, and coverage</title>\n\
         <desc>Best first: {description}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    // Writing to a string cannot fail.
    let _infallible = draw(&mut svg, rows, &columns);
    svg.push_str("</svg>\n");
    svg
}

fn columns(rows: &[LeaderboardEntry], level: Option<CentralLevel>) -> Vec<ScoreColumn> {
    let ratio = |title: &str, value: fn(&LeaderboardEntry) -> Option<f64>| {
        let values: Vec<_> = rows.iter().map(value).collect();
        let largest = values
            .iter()
            .flatten()
            .fold(1.0, |largest: f64, value| largest.max(*value));
        ScoreColumn {
            title: title.to_owned(),
            hint: "of seasonal naive; less is better",
            reference: 1.0,
            max_value: largest.min(MAX_RATIO),
            values,
        }
    };
    let mut columns = vec![
        ratio("MASE", |row| row.relative_mase),
        ratio("quantile loss", |row| row.relative_wql),
    ];
    columns.extend(level.map(|level| {
        ScoreColumn {
            title: format!("coverage of {level} %"),
            hint: "near the line is better",
            reference: level.percent() / 100.0,
            max_value: 1.0,
            values: rows
                .iter()
                .map(|row| row.scores.coverage.first().copied().flatten())
                .collect(),
        }
    }));
    columns
}

fn draw(svg: &mut String, rows: &[LeaderboardEntry], columns: &[ScoreColumn]) -> fmt::Result {
    for (row_idx, LeaderboardEntry { entrant, .. }) in rows.iter().enumerate() {
        let middle = HEAD_HEIGHT + row_idx * ROW_HEIGHT + ROW_HEIGHT / 2;
        let weight = match entrant.kind {
            EntrantKind::Model | EntrantKind::Calibrated => "600",
            EntrantKind::Baseline => "400",
        };
        let name = escaped(&printable(&entrant.to_string(), 28));
        writeln!(
            svg,
            "<text x=\"{EDGE}\" y=\"{}\" fill=\"#24292f\" font-weight=\"{weight}\">{name}</text>",
            middle + 4
        )?;
    }
    for (column_idx, column) in columns.iter().enumerate() {
        let left = EDGE + NAME_WIDTH + column_idx * COLUMN_WIDTH;
        column.draw(svg, left, rows)?;
    }
    Ok(())
}

impl ScoreColumn {
    fn draw(&self, svg: &mut String, left: usize, rows: &[LeaderboardEntry]) -> fmt::Result {
        let Self {
            title,
            hint,
            reference,
            ..
        } = self;
        writeln!(
            svg,
            "<text x=\"{left}\" y=\"22\" fill=\"#24292f\" font-weight=\"600\">{title}</text>\n\
             <text x=\"{left}\" y=\"38\" fill=\"#606871\" font-size=\"10\">{hint}</text>"
        )?;
        for (row_idx, (value, row)) in self.values.iter().zip(rows).enumerate() {
            let middle = HEAD_HEIGHT + row_idx * ROW_HEIGHT + ROW_HEIGHT / 2;
            let (length, number) = match value {
                Some(value) => (self.length(*value), format!("{value:.3}")),
                None => (0.0, "none".to_owned()),
            };
            let (colour, right) = (colour(&row.entrant), left + COLUMN_WIDTH - GAP);
            writeln!(
                svg,
                "<rect x=\"{left}\" y=\"{}\" width=\"{length:.1}\" height=\"{BAR_HEIGHT}\" fill=\"{colour}\"/>\n\
                 <text x=\"{right}\" y=\"{}\" fill=\"#606871\" font-size=\"11\" text-anchor=\"end\">{number}</text>",
                middle - BAR_HEIGHT / 2,
                middle + 4,
            )?;
        }
        let line = left as f64 + self.length(*reference);
        let (top, bottom) = (HEAD_HEIGHT - 8, HEAD_HEIGHT + rows.len() * ROW_HEIGHT);
        writeln!(
            svg,
            "<line x1=\"{line:.1}\" y1=\"{top}\" x2=\"{line:.1}\" y2=\"{bottom}\" stroke=\"#2e343b\" stroke-dasharray=\"3 3\"/>"
        )
    }

    /// Returns the length of a bar in pixels.
    fn length(&self, value: f64) -> f64 {
        let max_length = (COLUMN_WIDTH - NUMBER_WIDTH) as f64;
        max_length * (value / self.max_value).clamp(0.0, 1.0)
    }
}

const fn colour(entrant: &Entrant) -> &'static str {
    match entrant.kind {
        EntrantKind::Model => MODEL,
        EntrantKind::Calibrated => CALIBRATED,
        EntrantKind::Baseline => BASELINE,
    }
}
