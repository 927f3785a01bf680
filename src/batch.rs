//! Forecasts of many series at once, in the order they came in.
//!
//! Series go to the engine in chunks, two of which are under way at any time: while the model works
//! on one, the rows of the other are written. No more forecasts than theirs are held. A series that
//! fails is written as such, and counted; the others go on. Where the series come from and where
//! the rows go is not known here.

mod chunk;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::batch::chunk::{Chunk, Rows};
use almanac_engine::registry::LiveModel;
use almanac_engine::{EngineError, SeriesFailure, SubmitError};
use almanac_forecast::accuracy::scale;
use almanac_forecast::{
    CalendarError, Calibration, DraftError, Forecast, ForecastRequest, Horizon, Limits,
    QuantileLevels, Stamp,
};
use almanac_frame::{CellError, ForecastWriter, TableSeries};

/// What to forecast of each series, and how.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// How far ahead.
    pub horizon: Horizon,
    /// The quantile levels, median included.
    pub levels: QuantileLevels,
    /// Bounds of each series.
    pub limits: Limits,
    /// Steps, of context and horizon together, that go to the engine at a time. Several times what
    /// one run of the model holds keeps every worker busy.
    pub chunk_steps: usize,
    /// How long a chunk may take, the one before it included.
    pub chunk_timeout: Duration,
    /// How intervals are moved before they are written, if they are.
    pub calibration: Option<Calibration>,
    /// How many of the first forecasts to give back, such as for a drawing.
    pub keep: usize,
}

/// Where the run stands, for whoever watches.
pub trait Progress {
    /// So many more series are done.
    fn advance(&self, series: usize);
}

/// Nobody watches.
impl Progress for () {
    fn advance(&self, _series: usize) {}
}

/// Why one series has no forecast, when others have.
#[derive(Clone, Debug, Error)]
pub enum SeriesProblem {
    /// Its cells cannot be read.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// Its cells are no series.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The model has no answer for it.
    #[error(transparent)]
    Model(#[from] SeriesFailure),
    /// Its calendar ends before the forecast does.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

/// Why a run ended before its last series.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The engine takes no more, though nothing of this run is under way.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A chunk took too long.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The rows cannot be written.
    #[error("cannot write the forecasts: {0}")]
    Write(#[from] io::Error),
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Series in all.
    pub series: usize,
    /// Series without a forecast.
    pub failed: usize,
    /// Warnings of the forecasts, by code.
    pub warnings: BTreeMap<&'static str, usize>,
    /// From the first series to the last row.
    pub duration: Duration,
    /// The first forecasts, as many as were to be kept.
    pub kept: Vec<Kept>,
}

/// A forecast that was written and is given back too.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The id of its series.
    pub id: Option<String>,
    /// What was asked.
    pub request: ForecastRequest,
    /// What was answered.
    pub forecast: Forecast,
}

/// Forecasts `series` with `model` and writes the rows in their order.
///
/// Reading drafts and writing rows is computation on the calling task, so a server calls this on a
/// thread of its own.
///
/// # Errors
/// [`BatchError`] of the first chunk that the engine does not answer, or of the writer. The rows of
/// the series before it have been written.
pub async fn forecast_series<W: io::Write>(
    model: &LiveModel,
    series: Vec<TableSeries>,
    options: &BatchOptions,
    progress: &dyn Progress,
    writer: &mut ForecastWriter<W>,
) -> Result<Summary, BatchError> {
    let started = Instant::now();
    let mut run = Run {
        options,
        progress,
        writer,
        summary: Summary::default(),
    };
    let most_context = model.engine.manifest().context.reach();
    let mut series = series.into_iter().peekable();
    let mut under_way: Option<Chunk> = None;
    while let Some(rows) = Rows::take(&mut series, options, most_context) {
        let submission = match rows.submit(&model.engine, options.chunk_timeout) {
            // The chunk before it takes the room; once that is done there is room.
            Err(SubmitError::QueueFull { .. } | SubmitError::WaitTooLong { .. })
                if under_way.is_some() =>
            {
                run.finish(under_way.take()).await?;
                rows.submit(&model.engine, options.chunk_timeout)?
            }
            submitted => submitted?,
        };
        run.finish(under_way.replace(Chunk { rows, submission }))
            .await?;
    }
    run.finish(under_way).await?;
    run.writer.flush()?;
    Ok(Summary {
        duration: started.elapsed(),
        ..run.summary
    })
}

/// What a run writes to and counts in.
struct Run<'a, W: io::Write> {
    options: &'a BatchOptions,
    progress: &'a dyn Progress,
    writer: &'a mut ForecastWriter<W>,
    summary: Summary,
}

impl<W: io::Write> Run<'_, W> {
    /// Waits for a chunk, if there is one, and writes its rows.
    async fn finish(&mut self, chunk: Option<Chunk>) -> Result<(), BatchError> {
        let Some(Chunk { rows, submission }) = chunk else {
            return Ok(());
        };
        let (outcomes, _timing) = submission.outcomes().await?;
        let count = rows.len();
        for (id, outcome) in rows.answered(outcomes) {
            self.summary.series += 1;
            let stamped = outcome.and_then(|(request, forecast)| {
                let stamps = stamps(&request, forecast.steps())?;
                let forecast = match &self.options.calibration {
                    Some(calibration) => {
                        let history = request.series().values();
                        calibration.apply(&forecast, scale(history, request.season_length()))
                    }
                    None => forecast,
                };
                Ok((request, forecast, stamps))
            });
            match stamped {
                Ok((request, forecast, stamps)) => {
                    self.writer
                        .write_forecast(id.as_deref(), stamps.as_deref(), &forecast)?;
                    for warning in &forecast.warnings {
                        *self.summary.warnings.entry(warning.code()).or_default() += 1;
                    }
                    if self.summary.kept.len() < self.options.keep {
                        self.summary.kept.push(Kept {
                            id,
                            request,
                            forecast,
                        });
                    }
                }
                Err(problem) => {
                    self.summary.failed += 1;
                    self.writer.write_failure(id.as_deref(), &problem)?;
                }
            }
        }
        self.progress.advance(count);
        Ok(())
    }
}

/// The stamps of a forecast, when its series has a calendar.
fn stamps(request: &ForecastRequest, steps: usize) -> Result<Option<Vec<Stamp>>, CalendarError> {
    let series = request.series();
    // No series is longer than memory, which is far below the largest step.
    let from = i64::try_from(series.values().len()).unwrap_or(i64::MAX);
    series
        .calendar()
        .map(|calendar| calendar.stamps(from, steps))
        .transpose()
}

#[cfg(test)]
mod tests;
