//! Forecasts of the series of a file, in their order.
//!
//! Series are submitted in chunks, two of which are in flight at any time: while the model runs one,
//! the rows of the other are written. Only the forecasts of these two are held. A series that fails is
//! written as such and counted; the others go on. The source of the series and the destination of the
//! rows are the caller's.

mod chunk;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use almanac_engine::registry::LiveModel;
use almanac_engine::{Priority, Terms};
use almanac_forecast::{Calibration, ForecastLimits};
use almanac_frame::{ForecastWriter, TableSeries};

use crate::batch::chunk::{ChunkInFlight, next_chunk};
use crate::call::{
    CallCode, CallError, FailedSeries, ForecastOutcome, ForecastSpec, Progress, SeriesForecast,
};

/// The parameters of a batch.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// The parameters of every series.
    pub spec: ForecastSpec,
    /// The limits of each series.
    pub limits: ForecastLimits,
    /// The number of steps, context and horizon together, that are submitted at a time. Several times
    /// what one run of the model holds keeps every worker busy.
    pub chunk_steps: usize,
    /// The maximum time of a chunk, including that of the chunk before it.
    pub chunk_timeout: Duration,
    /// The calibration that is applied to the intervals.
    pub calibration: Option<Calibration>,
    /// The number of forecasts to return, such as for a plot: the first ones.
    pub keep: usize,
}

/// The error that ended a batch before its last series.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The engine refused a chunk while nothing of this batch was in flight, or did not answer in time.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The rows cannot be written.
    #[error("cannot write the forecasts: {0}")]
    Write(#[from] io::Error),
}

/// The result of a batch.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of series.
    pub series: usize,
    /// The number of series without a forecast.
    pub failed: usize,
    /// The number of forecasts with each warning, by its code.
    pub warnings: BTreeMap<&'static str, usize>,
    /// The time from the first series to the last row.
    pub duration: Duration,
    /// The first forecasts, as many as were to be returned.
    pub kept: Vec<SeriesForecast>,
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
    model: &Arc<LiveModel>,
    series: Vec<TableSeries>,
    options: &BatchOptions,
    progress: &dyn Progress,
    writer: &mut ForecastWriter<W>,
) -> Result<Summary, BatchError> {
    let started = Instant::now();
    progress.begin(series.len());
    let mut run = BatchRun {
        options,
        progress,
        writer,
        summary: Summary::default(),
    };
    let mut series = series.into_iter().peekable();
    let mut in_flight: Option<ChunkInFlight> = None;
    while let Some(prepared) = next_chunk(&mut series, model, options) {
        let submission = match prepared.submit(terms(options)) {
            // The chunk before it takes the room; once that is done there is room.
            Err(CallError {
                code: CallCode::Overloaded,
                ..
            }) if in_flight.is_some() => {
                run.finish(in_flight.take()).await?;
                prepared.submit(terms(options))?
            }
            submitted => submitted?,
        };
        let chunk = ChunkInFlight {
            prepared,
            submission,
        };
        run.finish(in_flight.replace(chunk)).await?;
    }
    run.finish(in_flight).await?;
    run.writer.flush()?;
    Ok(Summary {
        duration: started.elapsed(),
        ..run.summary
    })
}

fn terms(options: &BatchOptions) -> Terms {
    Terms {
        deadline: Instant::now() + options.chunk_timeout,
        priority: Some(Priority::Bulk),
    }
}

/// A batch in progress.
struct BatchRun<'a, W: io::Write> {
    options: &'a BatchOptions,
    progress: &'a dyn Progress,
    writer: &'a mut ForecastWriter<W>,
    summary: Summary,
}

impl<W: io::Write> BatchRun<'_, W> {
    /// Waits for a chunk, if there is one, and writes its rows.
    async fn finish(&mut self, chunk: Option<ChunkInFlight>) -> Result<(), BatchError> {
        let Some(ChunkInFlight {
            prepared,
            submission,
        }) = chunk
        else {
            return Ok(());
        };
        let calibration = self.options.calibration.as_ref();
        let ForecastOutcome { series, .. } = prepared.finish(submission, calibration).await?;
        let count = series.len();
        for one in series {
            self.summary.series += 1;
            match one {
                Ok(forecast) => self.write_forecast(forecast)?,
                Err(failed) => self.write_failure(&failed)?,
            }
        }
        self.progress.advance(count);
        Ok(())
    }

    fn write_forecast(&mut self, series: SeriesForecast) -> io::Result<()> {
        let (id, stamps) = (series.id.as_deref(), series.stamps.as_deref());
        self.writer.write_forecast(id, stamps, &series.forecast)?;
        for warning in &series.forecast.warnings {
            *self.summary.warnings.entry(warning.code()).or_default() += 1;
        }
        if self.summary.kept.len() < self.options.keep {
            self.summary.kept.push(series);
        }
        Ok(())
    }

    fn write_failure(&mut self, failed: &FailedSeries) -> io::Result<()> {
        self.summary.failed += 1;
        self.writer
            .write_failure(failed.id.as_deref(), &failed.error)
    }
}

#[cfg(test)]
mod tests;
