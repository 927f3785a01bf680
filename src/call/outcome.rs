//! The outcome of a forecast call.

use std::sync::Arc;

use almanac_engine::Timing;
use almanac_engine::registry::LiveModel;
use almanac_forecast::{Calendar, Forecast, ForecastRequest, Frequency, Stamp};

use crate::call::forecast::IdentifiedRequest;
use crate::call::{CallCode, CallError, FailedSeries, ForecastSpec};

/// The outcome of a call: a forecast or an error for each of its series, in the caller's order.
#[derive(Debug)]
pub struct ForecastOutcome {
    /// The version that answered.
    pub model: Arc<LiveModel>,
    /// The parameters of the call.
    pub spec: ForecastSpec,
    /// The outcome of each series.
    pub series: Vec<Result<SeriesForecast, FailedSeries>>,
    /// The time spent in the engine.
    pub timing: Timing,
}

/// The forecast of one series.
#[derive(Debug)]
pub struct SeriesForecast {
    /// The id of the series, as it was received.
    pub id: Option<String>,
    /// The timestamps of the steps, if the series has a calendar.
    pub stamps: Option<Vec<Stamp>>,
    /// The frequency of the calendar, given or inferred.
    pub frequency: Option<Frequency>,
    /// The forecast.
    pub forecast: Forecast,
    /// The request, where the caller kept it; the engine has consumed it otherwise.
    pub request: Option<ForecastRequest>,
}

/// A series whose request is ready to be submitted, without the request.
#[derive(Debug)]
pub(super) struct PendingSeries {
    pub(super) id: Option<String>,
    pub(super) path: String,
    stamps: Option<Vec<Stamp>>,
    frequency: Option<Frequency>,
}

impl PendingSeries {
    /// Splits off the request. The timestamps are computed here, so that a calendar which ends too
    /// early is reported before the model runs.
    ///
    /// # Errors
    /// [`CallCode::CalendarOutOfRange`].
    pub(super) fn split(
        identified: IdentifiedRequest,
    ) -> Result<(Self, ForecastRequest), FailedSeries> {
        let IdentifiedRequest { id, path, request } = identified;
        let calendar = request.series().calendar();
        // No series is longer than memory, which is far below the largest step.
        let start = i64::try_from(request.series().values().len()).unwrap_or(i64::MAX);
        let stamps = calendar
            .map(|calendar| calendar.stamps(start, request.horizon().steps()))
            .transpose();
        match stamps {
            Ok(stamps) => {
                let pending = Self {
                    id,
                    path,
                    stamps,
                    frequency: calendar.map(Calendar::frequency),
                };
                Ok((pending, request))
            }
            Err(error) => {
                let error = CallError::new(CallCode::CalendarOutOfRange, error.to_string())
                    .at(format!("{path}/start"));
                Err(FailedSeries { id, error })
            }
        }
    }

    /// Completes the series with its forecast.
    pub(super) fn with_forecast(
        self,
        forecast: Forecast,
        request: Option<ForecastRequest>,
    ) -> SeriesForecast {
        SeriesForecast {
            id: self.id,
            stamps: self.stamps,
            frequency: self.frequency,
            forecast,
            request,
        }
    }
}
