//! A checked call with its model: submitted to the engine, and completed with what it returns.

use std::sync::Arc;

use almanac_engine::registry::{Routed, Shadows};
use almanac_engine::{Outcomes, Submission, Terms, Timing};
use almanac_forecast::{Calibration, ForecastLimits, ForecastRequest};

use crate::call::calibrate::CalibrationOptions;
use crate::call::error::series_failure;
use crate::call::outcome::PendingSeries;
use crate::call::windows::error_scale;
use crate::call::{
    CallError, FailedSeries, ForecastOutcome, ForecastSpec, Progress, SeriesCall, SeriesForecast,
    calibrate, submit,
};

/// A call whose model and levels are known, and whose series are requests or errors.
#[derive(Debug)]
pub struct PreparedForecast {
    routed: Routed,
    spec: ForecastSpec,
    series: Vec<Result<PendingSeries, FailedSeries>>,
    /// The requests of the series that have one, in their order.
    requests: Vec<ForecastRequest>,
}

impl PreparedForecast {
    /// Converts `series` to requests to the model of `routed`. A series that is invalid fails alone.
    pub fn new(
        routed: Routed,
        spec: ForecastSpec,
        series: impl IntoIterator<Item = SeriesCall>,
        limits: &ForecastLimits,
    ) -> Self {
        let levels = spec.computed_levels();
        let series = series.into_iter();
        let mut requests = Vec::with_capacity(series.size_hint().0);
        let series = series
            .map(|one| {
                let identified = one.into_request(spec.horizon, &levels, limits)?;
                let (pending, request) = PendingSeries::split(identified)?;
                requests.push(request);
                Ok(pending)
            })
            .collect();
        Self {
            routed,
            spec,
            series,
            requests,
        }
    }

    /// Returns the number of series, those that failed included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns true if there is no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Forecasts the series by the deadline of `terms`, with the calibration that the call requests,
    /// and has the shadow of the model, if any, forecast them too.
    ///
    /// # Errors
    /// The error of the call as a whole: refused, too late, or every series failed.
    pub async fn run(
        mut self,
        terms: Terms,
        shadows: Option<&Shadows>,
    ) -> Result<ForecastOutcome, CallError> {
        let requests = std::mem::take(&mut self.requests);
        let (outcomes, timing) = match self.spec.calibration {
            None => self.shadowed(requests, terms, shadows).await?,
            Some(plan) => {
                let levels = self.spec.computed_levels();
                calibrate::forecast(&self.routed.model, requests, plan, levels, terms).await?
            }
        };
        let outcome = self.complete(outcomes, timing);
        if outcome.series.iter().all(Result::is_err) {
            let failed = outcome.series.into_iter().filter_map(Result::err).collect();
            return Err(CallError::all_failed(failed));
        }
        Ok(outcome)
    }

    /// Submits a copy of the requests: they are needed again if the engine refuses them, and to
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`CallCode::Overloaded`](crate::call::CallCode::Overloaded) when the queue has no room.
    pub fn submit(&self, terms: Terms) -> Result<Submission, CallError> {
        Ok(self
            .routed
            .model
            .engine
            .submit(self.requests.clone(), terms)?)
    }

    /// Waits for `submission`, and completes the series with its forecasts, calibrated by
    /// `calibration`. The call does not fail when every series does.
    ///
    /// # Errors
    /// [`CallCode::RequestTimeout`](crate::call::CallCode::RequestTimeout).
    pub async fn finish(
        self,
        submission: Submission,
        calibration: Option<&Calibration>,
    ) -> Result<ForecastOutcome, CallError> {
        let (mut outcomes, timing) = submission.outcomes().await?;
        if let Some(calibration) = calibration {
            for (request, outcome) in self.requests.iter().zip(&mut outcomes) {
                if let Ok(forecast) = outcome {
                    *forecast = calibration.apply(forecast, error_scale(request));
                }
            }
        }
        Ok(self.complete(outcomes, timing))
    }

    /// Learns how to calibrate the intervals of the model from the past of the series.
    ///
    /// # Errors
    /// The error of the engine.
    pub async fn learn_calibration(
        self,
        progress: &dyn Progress,
    ) -> Result<Option<Calibration>, CallError> {
        let Some(plan) = self.spec.calibration else {
            return Ok(None);
        };
        let options = CalibrationOptions {
            plan,
            levels: self.spec.computed_levels(),
            deadline: None,
        };
        let model = &self.routed.model;
        let learned = calibrate::learn(model, self.requests, options, progress).await?;
        Ok(Some(learned.calibration))
    }

    async fn shadowed(
        &self,
        requests: Vec<ForecastRequest>,
        terms: Terms,
        shadows: Option<&Shadows>,
    ) -> Result<(Outcomes, Timing), CallError> {
        let shadow = shadows
            .zip(self.routed.shadow.as_ref())
            .and_then(|(shadows, shadow)| shadows.prepare(Arc::clone(shadow), &requests));
        let answered = submit::forecast(&self.routed.model, requests, terms).await?;
        if let Some(shadow) = shadow {
            shadow.answered(&answered.0);
        }
        Ok(answered)
    }

    /// Completes the series that have a request with its outcome, among those that failed before.
    fn complete(self, outcomes: Outcomes, timing: Timing) -> ForecastOutcome {
        let mut outcomes = outcomes.into_iter();
        // Empty where the engine has consumed them.
        let mut requests = self.requests.into_iter();
        let series = self
            .series
            .into_iter()
            .map(|one| complete(one?, outcomes.next(), requests.next()))
            .collect();
        ForecastOutcome {
            model: self.routed.model,
            spec: self.spec,
            series,
            timing,
        }
    }
}

fn complete(
    pending: PendingSeries,
    outcome: Option<almanac_engine::SeriesOutcome>,
    request: Option<ForecastRequest>,
) -> Result<SeriesForecast, FailedSeries> {
    match outcome {
        Some(Ok(forecast)) => Ok(pending.with_forecast(forecast, request)),
        Some(Err(failure)) => Err(FailedSeries {
            error: series_failure(&failure, &pending.path),
            id: pending.id,
        }),
        None => unreachable!("the engine gives one outcome for each request"),
    }
}
