//! Windows of the past of series: cut, submitted in chunks, and compared with the actual values.
//!
//! Backtests score them, calibration learns from them.

mod cuts;

pub(super) use cuts::{Cuts, Job, WindowChunk};

use std::time::{Duration, Instant};

use thiserror::Error;

use almanac_engine::registry::LiveModel;
use almanac_engine::{EngineError, Outcomes, Priority, SubmitError, Terms, Timing};
use almanac_forecast::ForecastRequest;
use almanac_forecast::accuracy::scale;

/// The error that ended a run before its last window.
#[derive(Debug, Error)]
pub enum WindowError {
    /// An engine refused a chunk.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A chunk took too long.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The blocking pool failed.
    #[error("scoring failed: {0}")]
    Pool(#[from] tokio::task::JoinError),
}

/// The number of steps, context and horizon together, of a chunk: some four runs of a model, which
/// keeps workers busy and leaves room in the queue.
pub(super) const CHUNK_STEPS: usize = 65_536;

/// The maximum time of a chunk of a caller without a deadline: only a model that hangs takes longer.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Forecasts the windows of `chunk` with `model`.
///
/// # Errors
/// The engine refuses the chunk, or does not answer by `deadline`.
pub(super) async fn forecast(
    model: &LiveModel,
    chunk: &WindowChunk,
    deadline: Option<Instant>,
) -> Result<(Outcomes, Timing), WindowError> {
    let terms = Terms {
        deadline: deadline.unwrap_or_else(|| Instant::now() + CHUNK_TIMEOUT),
        priority: Some(Priority::Bulk),
    };
    let submission = model.engine.submit(chunk.requests.clone(), terms)?;
    Ok(submission.outcomes().await?)
}

/// Returns the scale of the errors of a forecast of `request`, as MASE has it.
pub(super) fn error_scale(request: &ForecastRequest) -> Option<f64> {
    scale(request.series().values(), request.season_length())
}
