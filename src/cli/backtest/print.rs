//! The leaderboard as text.

use std::fmt::Write as _;

use almanac_forecast::Leaderboard;

/// Returns `board` as a table, with the names aligned left and the numbers right.
pub(super) fn leaderboard(board: &Leaderboard) -> String {
    let levels = &board.measures.levels;
    let header: Vec<_> = ["", "MASE ratio", "WQL ratio", "MASE", "sMAPE", "WQL"]
        .into_iter()
        .map(str::to_owned)
        .chain(levels.iter().map(|level| format!("in {level} %")))
        .chain(["series", "windows", "seconds"].map(str::to_owned))
        .collect();
    let mut rows = vec![header];
    for standing in &board.standings {
        let scores = &standing.scores;
        let mut row = vec![standing.entrant.to_string()];
        row.extend(
            [standing.relative_mase, standing.relative_wql, scores.mase]
                .map(|score| number(score, 3)),
        );
        row.extend([number(scores.smape, 2), number(scores.wql, 4)]);
        row.extend(
            (0..levels.len()).map(|level| number(scores.coverage.get(level).copied().flatten(), 3)),
        );
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
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
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
