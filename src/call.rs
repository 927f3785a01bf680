//! The use case: a forecast call, and a backtest call.
//!
//! Every edge ([`http`](crate::http), [`batch`](crate::batch), the command line) translates its own
//! words to a [`ForecastCall`] or a [`BacktestCall`], and the outcome, or the [`CallError`], back to
//! them. The rules are here and nowhere else: which model and version answers, which levels are
//! computed, the limits, calibration, shadows, and that one bad series fails alone. No protocol, no
//! table and no file is known here.

pub mod backtest;
mod calibrate;
mod code;
mod context;
mod error;
mod forecast;
mod outcome;
mod prepared;
mod submit;
mod windows;

pub use backtest::{BacktestCall, BacktestOutcome, PreparedBacktest};
pub use code::CallCode;
pub use context::CallContext;
pub use error::{CallError, FailedSeries};
pub use forecast::{ForecastCall, ForecastSpec, SeriesCall};
pub use outcome::{ForecastOutcome, SeriesForecast};
pub use prepared::PreparedForecast;
pub use windows::WindowError;

pub(crate) use forecast::too_many_series;

/// A listener to the progress of a long call.
pub trait Progress: Sync {
    /// Announces the number of items to come: series of a batch, forecasts of a backtest.
    fn begin(&self, _items: usize) {}

    /// Reports that `items` more are done.
    fn advance(&self, _items: usize) {}
}

/// Ignores progress.
impl Progress for () {}

/// Runs `work` on the blocking pool, so that computing does not delay requests.
///
/// # Errors
/// Those of `work`, and [`CallCode::Internal`] when it panics.
pub(crate) async fn off_runtime<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<CallError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "computation on the blocking pool failed");
            Err(CallError::new(CallCode::Internal, "an internal computation failed").into())
        })
}
