//! Leaderboards as the rows of a table.

use std::io;

use almanac_forecast::backtest::{Entrant, LeaderboardEntry, SeriesScores};
use almanac_forecast::{CentralLevel, Leaderboard, Scores};
use csv::{Writer, WriterBuilder};

use crate::DisplayValue;

/// A series of a backtest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoredId<'a> {
    /// The id of the series.
    pub id: Option<&'a str>,
    /// The scores of the series, or the error.
    pub outcome: ScoreOutcome,
}

/// The outcome of a series in a backtest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreOutcome {
    /// The series has scores, at this index of [`LeaderboardEntry::by_series`].
    Scored(usize),
    /// The series has no scores, with the message of the error.
    Failed(String),
}

/// Writes one row for each entrant of `board`, in its order.
///
/// # Errors
/// Returns the error of the output.
pub fn write_scores(output: impl io::Write, board: &Leaderboard) -> io::Result<()> {
    let levels = &board.measures.levels;
    let first = ["name", "kind", "relative_mase", "relative_wql"];
    let last = ["series", "windows", "failed", "seconds"];
    let mut table = table(output, &first, levels, &last)?;
    for standing in &board.standings {
        let LeaderboardEntry {
            scores,
            relative_mase,
            relative_wql,
            series,
            windows,
            failed,
            duration,
            ..
        } = standing;
        let mut row = name_cells(&standing.entrant);
        row.extend([cell(*relative_mase), cell(*relative_wql)]);
        row.extend(score_cells(scores, levels));
        row.extend([series, windows, failed].map(ToString::to_string));
        row.push(format!("{:.3}", duration.as_secs_f64()));
        table.write_record(&row)?;
    }
    table.flush()
}

/// Writes one row for each entrant and series, and one row with the error for a series without
/// scores.
///
/// # Errors
/// Returns the error of the output.
pub fn write_series_scores(
    output: impl io::Write,
    board: &Leaderboard,
    series: &[ScoredId<'_>],
) -> io::Result<()> {
    let levels = &board.measures.levels;
    let first = ["id", "name", "kind"];
    let mut table = table(output, &first, levels, &["windows", "error"])?;
    for ScoredId { id, outcome } in series {
        let id = id.unwrap_or_default().to_owned();
        let index = match outcome {
            ScoreOutcome::Scored(index) => *index,
            ScoreOutcome::Failed(error) => {
                let mut row = vec![String::new(); first.len() + 3 + levels.len() + 2];
                row[0] = id;
                if let Some(last) = row.last_mut() {
                    last.clone_from(error);
                }
                table.write_record(&row)?;
                continue;
            }
        };
        for standing in &board.standings {
            let series_standing = standing.by_series.get(index).and_then(Option::as_ref);
            let Some(SeriesScores { scores, windows }) = series_standing else {
                continue;
            };
            let mut row = vec![id.clone()];
            row.extend(name_cells(&standing.entrant));
            row.extend(score_cells(scores, levels));
            row.extend([windows.to_string(), String::new()]);
            table.write_record(&row)?;
        }
    }
    table.flush()
}

/// Writes one row for each entrant and step of the horizon, from 1.
///
/// # Errors
/// Returns the error of the output.
pub fn write_step_scores(output: impl io::Write, board: &Leaderboard) -> io::Result<()> {
    let levels = &board.measures.levels;
    let mut table = table(output, &["name", "kind", "step"], levels, &["values"])?;
    for standing in &board.standings {
        for (step, scores) in standing.by_step.iter().enumerate() {
            let mut row = name_cells(&standing.entrant);
            row.push((step + 1).to_string());
            row.extend(score_cells(scores, levels));
            row.push(scores.steps.to_string());
            table.write_record(&row)?;
        }
    }
    table.flush()
}

/// Creates a table whose middle columns are scores, and writes its header.
fn table<W: io::Write>(
    output: W,
    first: &[&str],
    levels: &[CentralLevel],
    last: &[&str],
) -> io::Result<Writer<W>> {
    let mut table = WriterBuilder::new().from_writer(output);
    let header: Vec<_> = first
        .iter()
        .chain(&["mase", "smape", "wql"])
        .map(ToString::to_string)
        .chain(levels.iter().map(|level| format!("coverage-{level}")))
        .chain(last.iter().map(ToString::to_string))
        .collect();
    table.write_record(header)?;
    Ok(table)
}

fn name_cells(entrant: &Entrant) -> Vec<String> {
    vec![entrant.name.clone(), entrant.kind.as_str().to_owned()]
}

fn score_cells(scores: &Scores, levels: &[CentralLevel]) -> Vec<String> {
    [scores.mase, scores.smape, scores.wql]
        .into_iter()
        .chain((0..levels.len()).map(|level| scores.coverage.get(level).copied().flatten()))
        .map(cell)
        .collect()
}

/// Returns the cell of a value, which is empty for `None`.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| DisplayValue::from(value).to_string())
}
