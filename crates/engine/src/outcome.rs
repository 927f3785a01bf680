//! The result of a submission: a forecast or a failure for each request, and where the time went.

use std::time::Duration;

use almanac_forecast::Forecast;
use almanac_model::{RowError, Unfit};
use thiserror::Error;

/// The error returned for one series, while other series of the same submission may succeed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SeriesFailure {
    /// The model does not support this series.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The model returned unusable values for this series.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The model failed on this series, even when it was run alone.
    #[error("{0}")]
    Model(String),
}

/// The result of one request.
pub type SeriesOutcome = Result<Forecast, SeriesFailure>;

/// The results of a submission, in the order of its requests.
pub type Outcomes = Vec<SeriesOutcome>;

/// The time that a submission spent in the queue and in the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// The time from admission to the start of the first batch.
    pub queue: Duration,
    /// The time from the start of the first batch to the end of the last one.
    pub inference: Duration,
}
