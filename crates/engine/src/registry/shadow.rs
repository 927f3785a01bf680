//! Runs another version on series that were answered, and measures by how much its forecasts differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::registry::LiveModel;
use crate::registry::metrics::LifeMetrics;
use crate::{Outcomes, Priority, SubmitError, Terms};
use almanac_forecast::ForecastRequest;

/// What runs shadows. Nobody waits for it: what does not fit is dropped and counted.
#[derive(Clone, Debug)]
pub struct Shadows {
    comparisons: mpsc::UnboundedSender<Comparison>,
    /// One permit for each value that may wait.
    room: Arc<Semaphore>,
    metrics: LifeMetrics,
}

/// The series of one request and what they were answered.
#[derive(Debug)]
struct Comparison {
    shadow: Arc<LiveModel>,
    requests: Vec<ForecastRequest>,
    /// The median of each series that has a forecast.
    answered: Vec<Option<Vec<f64>>>,
    _room: OwnedSemaphorePermit,
}

impl Shadows {
    /// Starts the task, for which at most `values` of all series wait, and which gives up on a request
    /// after `limit`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(values: usize, limit: Duration, metrics: LifeMetrics) -> Self {
        let (comparisons, mut waiting) = mpsc::unbounded_channel::<Comparison>();
        let counted = metrics.clone();
        tokio::spawn(async move {
            while let Some(comparison) = waiting.recv().await {
                comparison.run(limit, &counted).await;
            }
        });
        Self {
            comparisons,
            room: Arc::new(Semaphore::new(values.min(Semaphore::MAX_PERMITS))),
            metrics,
        }
    }

    /// Whether there is room for `requests`; counts them when there is none.
    fn room(
        &self,
        shadow: &LiveModel,
        requests: &[ForecastRequest],
    ) -> Option<OwnedSemaphorePermit> {
        let sizes = requests.iter().map(ForecastRequest::size);
        let values = u32::try_from(sizes.sum::<usize>()).ok();
        let room = values.and_then(|values| {
            let room = Arc::clone(&self.room);
            room.try_acquire_many_owned(values).ok()
        });
        if room.is_none() {
            let name = &shadow.manifest().name;
            self.metrics.shadowed(name, "dropped", requests.len());
        }
        room
    }

    /// What will compare the answers to `requests` with those of `shadow`, if there is room.
    #[must_use]
    pub fn prepare(
        &self,
        shadow: Arc<LiveModel>,
        requests: &[ForecastRequest],
    ) -> Option<Prepared> {
        let room = self.room(&shadow, requests)?;
        Some(Prepared {
            shadow,
            requests: requests.to_vec(),
            room,
            comparisons: self.comparisons.clone(),
        })
    }
}

/// Series that a shadow will be run on once they are answered.
#[derive(Debug)]
pub struct Prepared {
    shadow: Arc<LiveModel>,
    requests: Vec<ForecastRequest>,
    room: OwnedSemaphorePermit,
    comparisons: mpsc::UnboundedSender<Comparison>,
}

impl Prepared {
    /// Runs the shadow, for the series were answered with `outcomes`. Returns at once.
    pub fn answered(self, outcomes: &Outcomes) {
        let medians = outcomes.iter().map(|outcome| {
            let forecast = outcome.as_ref().ok()?;
            Some(forecast.point().to_vec())
        });
        let comparison = Comparison {
            shadow: self.shadow,
            requests: self.requests,
            answered: medians.collect(),
            _room: self.room,
        };
        // The task ends with the process only.
        let _ending = self.comparisons.send(comparison);
    }
}

impl Comparison {
    async fn run(self, limit: Duration, metrics: &LifeMetrics) {
        let name = &self.shadow.manifest().name;
        let asked = self.answered.iter().flatten().count();
        let Ok(outcomes) = shadowed(&self.shadow, self.requests, limit).await else {
            metrics.shadowed(name, "failed", asked);
            return;
        };
        let differences = metrics.difference(name);
        let mut compared = 0;
        for (answered, outcome) in self.answered.iter().zip(&outcomes) {
            if let (Some(answered), Ok(forecast)) = (answered, outcome) {
                differences.observe(difference(answered, forecast.point()));
                compared += 1;
            }
        }
        metrics.shadowed(name, "compared", compared);
        metrics.shadowed(name, "failed", asked - compared);
    }
}

/// What `shadow` forecasts, behind everything that somebody waits for.
async fn shadowed(
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

/// The mean absolute difference of two forecasts, relative to the mean absolute value of the first.
fn difference(answered: &[f64], shadowed: &[f64]) -> f64 {
    let pairs = answered.iter().zip(shadowed);
    let apart: f64 = pairs
        .map(|(answered, shadowed)| (answered - shadowed).abs())
        .sum();
    let size: f64 = answered.iter().map(|value| value.abs()).sum();
    if apart == 0.0 { 0.0 } else { apart / size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_what_was_answered() {
        assert!((difference(&[10.0, -10.0], &[11.0, -8.0]) - 0.15).abs() < 1e-12);
        assert!(difference(&[0.0], &[0.0]).abs() < 1e-12);
        assert!(difference(&[0.0], &[1.0]).is_infinite());
    }
}
