//! Leaderboards as rows of a table.

use std::io;

use csv::{Writer, WriterBuilder};

use crate::Presented;
use almanac_forecast::backtest::{Entrant, SeriesStanding, Standing};
use almanac_forecast::{CentralLevel, Leaderboard, Scores};

/// A series of a backtest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoredId<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// Where its scores are, or why it has none.
    pub place: Result<usize, String>,
}

/// Writes one row for each entrant of `board`, in its order.
///
/// # Errors
/// The output's.
pub fn write_scores(output: impl io::Write, board: &Leaderboard) -> io::Result<()> {
    let levels = &board.measures.levels;
    let first = ["name", "kind", "relative_mase", "relative_wql"];
    let last = ["series", "windows", "failed", "seconds"];
    let mut table = table(output, &first, levels, &last)?;
    for standing in &board.standings {
        let Standing {
            scores,
            relative_mase,
            relative_wql,
            series,
            windows,
            failed,
            duration,
            ..
        } = standing;
        let mut row = name(&standing.entrant);
        row.extend([cell(*relative_mase), cell(*relative_wql)]);
        row.extend(cells(scores, levels));
        row.extend([series, windows, failed].map(ToString::to_string));
        row.push(format!("{:.3}", duration.as_secs_f64()));
        table.write_record(&row)?;
    }
    table.flush()
}

/// Writes one row for each entrant and series, and for a series without scores one with its error.
///
/// # Errors
/// The output's.
pub fn write_series_scores(
    output: impl io::Write,
    board: &Leaderboard,
    series: &[ScoredId<'_>],
) -> io::Result<()> {
    let levels = &board.measures.levels;
    let first = ["id", "name", "kind"];
    let mut table = table(output, &first, levels, &["windows", "error"])?;
    for ScoredId { id, place } in series {
        let id = id.unwrap_or_default().to_owned();
        let place = match place {
            Ok(place) => *place,
            Err(error) => {
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
            let found = standing.by_series.get(place).and_then(Option::as_ref);
            let Some(SeriesStanding { scores, windows }) = found else {
                continue;
            };
            let mut row = vec![id.clone()];
            row.extend(name(&standing.entrant));
            row.extend(cells(scores, levels));
            row.extend([windows.to_string(), String::new()]);
            table.write_record(&row)?;
        }
    }
    table.flush()
}

/// Writes one row for each entrant and step ahead, from 1.
///
/// # Errors
/// The output's.
pub fn write_step_scores(output: impl io::Write, board: &Leaderboard) -> io::Result<()> {
    let levels = &board.measures.levels;
    let mut table = table(output, &["name", "kind", "step"], levels, &["values"])?;
    for standing in &board.standings {
        for (step, scores) in standing.by_step.iter().enumerate() {
            let mut row = name(&standing.entrant);
            row.push((step + 1).to_string());
            row.extend(cells(scores, levels));
            row.push(scores.steps.to_string());
            table.write_record(&row)?;
        }
    }
    table.flush()
}

/// A table whose middle columns are scores, with its header.
fn table<W: io::Write>(
    output: W,
    first: &[&str],
    levels: &[CentralLevel],
    last: &[&str],
) -> io::Result<Writer<W>> {
    let mut table = WriterBuilder::new().from_writer(output);
    let coverage = levels.iter().map(|level| format!("coverage-{level}"));
    let header = first
        .iter()
        .chain(&["mase", "smape", "wql"])
        .map(ToString::to_string)
        .chain(coverage)
        .chain(last.iter().map(ToString::to_string));
    table.write_record(header.collect::<Vec<_>>())?;
    Ok(table)
}

fn name(entrant: &Entrant) -> Vec<String> {
    vec![entrant.name.clone(), entrant.kind.as_str().to_owned()]
}

fn cells(scores: &Scores, levels: &[CentralLevel]) -> Vec<String> {
    let coverage = (0..levels.len()).map(|level| scores.coverage.get(level).copied().flatten());
    let scores = [scores.mase, scores.smape, scores.wql];
    scores.into_iter().chain(coverage).map(cell).collect()
}

/// A number, empty where there is none.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| Presented::from(value).to_string())
}
