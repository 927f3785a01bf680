//! Runs a shadow version on series that were answered, and measures how much its forecasts differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_forecast::ForecastRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::batcher::Priority;
use crate::error::SubmitError;
use crate::outcome::Outcomes;
use crate::registry::LiveModel;
use crate::registry::metrics::LifecycleMetrics;
use crate::terms::Terms;

/// Runs shadow versions in the background. Series beyond its capacity are dropped and counted.
#[derive(Clone, Debug)]
pub struct Shadows {
    comparisons: mpsc::UnboundedSender<Comparison>,
    /// One permit for each value that may wait.
    capacity: Arc<Semaphore>,
    metrics: LifecycleMetrics,
}

/// Series to run a shadow on once they are answered.
#[derive(Debug)]
pub struct ShadowRun {
    shadow: Arc<LiveModel>,
    requests: Vec<ForecastRequest>,
    permit: OwnedSemaphorePermit,
    comparisons: mpsc::UnboundedSender<Comparison>,
}

/// The series of one request, and the answers to compare with.
#[derive(Debug)]
struct Comparison {
    shadow: Arc<LiveModel>,
    requests: Vec<ForecastRequest>,
    /// The median of each series that has a forecast.
    answered: Vec<Option<Vec<f64>>>,
    _permit: OwnedSemaphorePermit,
}

impl Shadows {
    /// Starts the task that runs the shadows. At most `values` values are queued, and a run is
    /// abandoned after `limit`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(values: usize, limit: Duration, metrics: LifecycleMetrics) -> Self {
        let (comparisons, mut receiver) = mpsc::unbounded_channel::<Comparison>();
        let task_metrics = metrics.clone();
        tokio::spawn(async move {
            while let Some(comparison) = receiver.recv().await {
                comparison.run(limit, &task_metrics).await;
            }
        });
        Self {
            comparisons,
            capacity: Arc::new(Semaphore::new(values.min(Semaphore::MAX_PERMITS))),
            metrics,
        }
    }

    /// Prepares a run of `shadow` on `requests`. Returns `None`, and counts the series as dropped, if there
    /// is no capacity.
    #[must_use]
    pub fn prepare(
        &self,
        shadow: Arc<LiveModel>,
        requests: &[ForecastRequest],
    ) -> Option<ShadowRun> {
        let Some(permit) = self.acquire(requests) else {
            let name = &shadow.manifest().name;
            self.metrics
                .count_shadow_series(name, "dropped", requests.len());
            return None;
        };
        Some(ShadowRun {
            shadow,
            requests: requests.to_vec(),
            permit,
            comparisons: self.comparisons.clone(),
        })
    }

    /// Acquires a permit for the values of `requests`.
    fn acquire(&self, requests: &[ForecastRequest]) -> Option<OwnedSemaphorePermit> {
        let values: usize = requests.iter().map(ForecastRequest::size).sum();
        let values = u32::try_from(values).ok()?;
        Arc::clone(&self.capacity)
            .try_acquire_many_owned(values)
            .ok()
    }
}

impl ShadowRun {
    /// Starts the run, to compare its forecasts with `outcomes`. Returns immediately.
    pub fn answered(self, outcomes: &Outcomes) {
        let medians = outcomes
            .iter()
            .map(|outcome| Some(outcome.as_ref().ok()?.point().to_vec()))
            .collect();
        let comparison = Comparison {
            shadow: self.shadow,
            requests: self.requests,
            answered: medians,
            _permit: self.permit,
        };
        // Sending fails only if the process is shutting down and the task has ended.
        let _ending = self.comparisons.send(comparison);
    }
}

impl Comparison {
    async fn run(self, limit: Duration, metrics: &LifecycleMetrics) {
        let name = &self.shadow.manifest().name;
        let expected = self.answered.iter().flatten().count();
        let Ok(outcomes) = run_shadow(&self.shadow, self.requests, limit).await else {
            metrics.count_shadow_series(name, "failed", expected);
            return;
        };
        let differences = metrics.differences(name);
        let mut compared = 0;
        for (answered, outcome) in self.answered.iter().zip(&outcomes) {
            if let (Some(answered), Ok(forecast)) = (answered, outcome) {
                differences.observe(difference(answered, forecast.point()));
                compared += 1;
            }
        }
        metrics.count_shadow_series(name, "compared", compared);
        metrics.count_shadow_series(name, "failed", expected - compared);
    }
}

/// Runs `shadow` on `requests`, at the priority of bulk requests.
async fn run_shadow(
    shadow: &LiveModel,
    requests: Vec<ForecastRequest>,
    limit: Duration,
) -> Result<Outcomes, SubmitError> {
    let terms = Terms {
        deadline: Instant::now() + limit,
        priority: Some(Priority::Bulk),
    };
    let answer = shadow.engine.submit(requests, terms)?.outcomes().await;
    shadow.answered(&answer);
    Ok(answer.map(|(outcomes, _)| outcomes).unwrap_or_default())
}

/// Returns the mean absolute difference of two forecasts, relative to the mean absolute value of the first.
fn difference(answered: &[f64], shadowed: &[f64]) -> f64 {
    let difference: f64 = answered
        .iter()
        .zip(shadowed)
        .map(|(answered, shadowed)| (answered - shadowed).abs())
        .sum();
    let size: f64 = answered.iter().map(|value| value.abs()).sum();
    if difference == 0.0 {
        0.0
    } else {
        difference / size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_the_answer() {
        assert!((difference(&[10.0, -10.0], &[11.0, -8.0]) - 0.15).abs() < 1e-12);
        assert!(difference(&[0.0], &[0.0]).abs() < 1e-12);
        assert!(difference(&[0.0], &[1.0]).is_infinite());
    }
}
