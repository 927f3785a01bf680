//! A leaderboard for a terminal.

use std::fmt::Write as _;

use almanac_forecast::Leaderboard;

/// `board` as a table: names on the left, numbers on the right.
pub(super) fn leaderboard(board: &Leaderboard) -> String {
    let coverage = board.measures.levels.iter();
    let header = ["", "MASE ratio", "WQL ratio", "MASE", "sMAPE", "WQL"]
        .into_iter()
        .map(str::to_owned)
        .chain(coverage.map(|level| format!("in {level} %")))
        .chain(["series", "windows", "seconds"].map(str::to_owned));
    let mut rows = vec![header.collect::<Vec<_>>()];
    for standing in &board.standings {
        let scores = &standing.scores;
        let mut row = vec![standing.entrant.to_string()];
        row.extend(
            [standing.relative_mase, standing.relative_wql, scores.mase]
                .map(|score| number(score, 3)),
        );
        row.extend([number(scores.smape, 2), number(scores.wql, 4)]);
        let levels = 0..board.measures.levels.len();
        row.extend(levels.map(|level| number(scores.coverage.get(level).copied().flatten(), 3)));
        row.extend([standing.series, standing.windows].map(|count| count.to_string()));
        row.push(format!("{:.2}", standing.duration.as_secs_f64()));
        rows.push(row);
    }
    aligned(&rows)
}

fn number(score: Option<f64>, decimals: usize) -> String {
    score.map_or_else(|| "-".to_owned(), |score| format!("{score:.decimals$}"))
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _infallible = if column == 0 {
                write!(text, "{cell:<width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text.push('\n');
    }
    text
}
