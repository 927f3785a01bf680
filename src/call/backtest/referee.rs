//! Scores the forecasts of windows of the past.

use std::time::Instant;

use almanac_engine::{Outcomes, Timing};
use almanac_forecast::backtest::{
    BacktestEvaluation, Entrant, EntrantKind, WindowForecast, WindowRole,
};
use almanac_forecast::{Baseline, Calibration, Forecast, ForecastRequest, Leaderboard, Residuals};

use crate::call::backtest::BacktestOptions;
use crate::call::windows::{Cuts, Job, WindowChunk, error_scale};

/// Scores entrants: the models, the same models calibrated, and the baselines.
#[derive(Debug)]
pub(super) struct Referee {
    pub(super) cuts: Cuts,
    evaluation: BacktestEvaluation,
    n_models: usize,
    calibration: Option<Vec<Learner>>,
}

/// The errors of one model, and the calibration that is learned from them.
#[derive(Debug)]
struct Learner {
    residuals: Residuals,
    /// Fitted when the first window is scored: all residuals are known by then.
    fitted: Option<Calibration>,
}

impl Referee {
    /// Creates a referee for the models with `names`, which need at least `min_context` values.
    pub(super) fn new(
        names: Vec<String>,
        series: Vec<ForecastRequest>,
        options: &BacktestOptions,
        min_context: usize,
    ) -> Self {
        let plan = options.plan;
        let steps = plan.horizon().steps();
        let levels = options.measures.all_levels();
        let levels = if plan.is_calibrated() {
            levels.mirrored()
        } else {
            levels
        };
        let n_models = names.len();
        let learner = || Learner {
            residuals: Residuals::new(&levels, steps),
            fitted: None,
        };
        let calibration = plan
            .is_calibrated()
            .then(|| std::iter::repeat_with(learner).take(n_models).collect());
        let entrants = entrants(names, plan.is_calibrated());
        let evaluation =
            BacktestEvaluation::new(options.measures.clone(), steps, series.len(), entrants);
        Self {
            cuts: Cuts::new(series, plan, levels, min_context),
            evaluation,
            n_models,
            calibration,
        }
    }

    /// Scores the forecasts of each model for `chunk`, and those of the baselines.
    pub(super) fn score(&mut self, chunk: &WindowChunk, outcomes: Vec<(Outcomes, Timing)>) {
        let scales: Vec<_> = chunk.requests.iter().map(error_scale).collect();
        for (model_idx, (outcomes, timing)) in outcomes.into_iter().enumerate() {
            self.evaluation.add_duration(model_idx, timing.inference);
            if self.calibration.is_some() {
                // The calibrated forecasts are those of the model.
                self.evaluation
                    .add_duration(self.n_models + model_idx, timing.inference);
            }
            for ((job, outcome), scale) in chunk.jobs.iter().zip(outcomes).zip(&scales) {
                match outcome {
                    Ok(forecast) => self.take(model_idx, *job, &forecast, *scale),
                    Err(failure) => self.evaluation.failed(model_idx, failure),
                }
            }
        }
        self.score_baselines(chunk, &scales);
    }

    fn score_baselines(&mut self, chunk: &WindowChunk, scales: &[Option<f64>]) {
        let before = self.n_models * if self.calibration.is_some() { 2 } else { 1 };
        for (position, baseline) in Baseline::ALL.into_iter().enumerate() {
            let entrant_idx = before + position;
            let started = Instant::now();
            for ((job, request), scale) in chunk.jobs.iter().zip(&chunk.requests).zip(scales) {
                if job.window.role != WindowRole::Scored {
                    continue;
                }
                match baseline.forecast(request) {
                    Some(forecast) => {
                        let window = WindowForecast {
                            forecast: &forecast,
                            actual: self.cuts.actual(*job),
                            scale: *scale,
                        };
                        self.evaluation.record(entrant_idx, job.series_idx, window);
                    }
                    None => self.evaluation.failed(entrant_idx, "a value is not finite"),
                }
            }
            self.evaluation.add_duration(entrant_idx, started.elapsed());
        }
    }

    /// Learns from a forecast of a model, or scores it, depending on the role of its window.
    fn take(&mut self, model_idx: usize, job: Job, forecast: &Forecast, scale: Option<f64>) {
        let actual = self.cuts.actual(job);
        let learner = self.calibration.as_mut().map(|all| &mut all[model_idx]);
        if job.window.role == WindowRole::Calibration {
            if let Some(learner) = learner {
                learner.residuals.record(forecast, actual, scale);
            }
            return;
        }
        if let Some(learner) = learner {
            let started = Instant::now();
            let fitted = learner
                .fitted
                .get_or_insert_with(|| learner.residuals.fit());
            let calibrated = fitted.apply(forecast, scale);
            let place = self.n_models + model_idx;
            self.evaluation.add_duration(place, started.elapsed());
            let window = WindowForecast {
                forecast: &calibrated,
                actual,
                scale,
            };
            self.evaluation.record(place, job.series_idx, window);
        }
        let window = WindowForecast {
            forecast,
            actual,
            scale,
        };
        self.evaluation.record(model_idx, job.series_idx, window);
    }

    /// Returns true if any model has a residual.
    pub(super) fn is_calibrated(&self) -> bool {
        let mut learners = self.calibration.iter().flatten();
        learners.any(|learner| !learner.residuals.is_empty())
    }

    pub(super) fn finish(self) -> Leaderboard {
        self.evaluation.finish()
    }
}

fn entrants(names: Vec<String>, calibrated: bool) -> Vec<Entrant> {
    let of_kind = |kind| move |name: String| Entrant { name, kind };
    let again = if calibrated {
        names.clone()
    } else {
        Vec::new()
    };
    let baselines = Baseline::ALL.map(|baseline| baseline.name().to_owned());
    let models = names.into_iter().map(of_kind(EntrantKind::Model));
    models
        .chain(again.into_iter().map(of_kind(EntrantKind::Calibrated)))
        .chain(baselines.into_iter().map(of_kind(EntrantKind::Baseline)))
        .collect()
}
