//! Cuts windows, and scores what was forecast for them.

use std::time::Instant;

use crate::backtest::BacktestOptions;
use crate::engine::{Outcomes, Timing};
use crate::forecast::accuracy::scale;
use crate::forecast::backtest::{Contest, Entrant, Kind, Role, TooShort, Window};
use crate::forecast::{
    Baseline, Calibration, Forecast, ForecastRequest, Leaderboard, Plan, QuantileLevels, Residuals,
};

/// Who cuts and scores. Entrants are the models, the same calibrated, and the baselines.
#[derive(Debug)]
pub(super) struct Referee {
    series: Vec<ForecastRequest>,
    levels: QuantileLevels,
    contest: Contest,
    n_models: usize,
    /// Windows to come, the next last: those that calibrate are first.
    jobs: Vec<Job>,
    counts: Counts,
    calibration: Option<Vec<Learner>>,
}

/// What there is to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Series without a window, by their position.
    pub(super) too_short: Vec<(usize, TooShort)>,
    /// Series with fewer windows than were asked for.
    pub(super) fewer: usize,
    /// Windows to be scored.
    pub(super) scored: usize,
    /// Windows that calibrate.
    pub(super) calibrating: usize,
}

/// A window of the series at `series_idx`.
#[derive(Clone, Copy, Debug)]
struct Job {
    series_idx: usize,
    window: Window,
}

/// What is learnt of one model.
#[derive(Debug)]
struct Learner {
    residuals: Residuals,
    /// Made when the first window is scored, when the last residual is there.
    fitted: Option<Calibration>,
}

/// Windows that go to the models together.
#[derive(Debug)]
pub(super) struct Chunk {
    jobs: Vec<Job>,
    pub(super) requests: Vec<ForecastRequest>,
}

impl Referee {
    /// For the models with `names`, none of which forecasts from fewer than `least` values.
    pub(super) fn new(
        names: Vec<String>,
        series: Vec<ForecastRequest>,
        options: &BacktestOptions,
        least: usize,
    ) -> Self {
        let plan = options.plan;
        let steps = plan.horizon().steps();
        let levels = options.measures.all_levels();
        let levels = if plan.is_calibrated() {
            levels.mirrored()
        } else {
            levels
        };
        let (jobs, counts) = cut(&series, plan, least);
        let n_models = names.len();
        let learner = || Learner {
            residuals: Residuals::new(&levels, steps),
            fitted: None,
        };
        let calibration = plan
            .is_calibrated()
            .then(|| std::iter::repeat_with(learner).take(n_models).collect());
        let entrants = entrants(names, plan.is_calibrated());
        Self {
            contest: Contest::new(options.measures.clone(), steps, series.len(), entrants),
            series,
            levels,
            n_models,
            jobs,
            counts,
            calibration,
        }
    }

    /// What is to be done.
    pub(super) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// The next windows, of at most `steps` steps of context and horizon; one is taken however long it
    /// is. No model sees more than `most_context` values.
    pub(super) fn next_chunk(&mut self, steps: usize, most_context: usize) -> Option<Chunk> {
        let mut chunk = Chunk {
            jobs: Vec::new(),
            requests: Vec::new(),
        };
        let mut taken = 0;
        while let Some(job) = self.jobs.last().copied() {
            let series = &self.series[job.series_idx];
            let cost = job.window.cutoff.min(most_context) + series.horizon().steps();
            if taken > 0 && taken + cost > steps {
                break;
            }
            taken += cost;
            self.jobs.pop();
            // The plan cuts where something was observed before.
            if let Some(request) = series.until(job.window.cutoff, self.levels.clone()) {
                chunk.requests.push(request);
                chunk.jobs.push(job);
            }
        }
        (!chunk.jobs.is_empty()).then_some(chunk)
    }

    /// Scores what each model forecast for `chunk`, and what the baselines do.
    pub(super) fn score(&mut self, chunk: &Chunk, outcomes: Vec<(Outcomes, Timing)>) {
        let scales: Vec<_> = chunk.requests.iter().map(scale_of).collect();
        for (model_idx, (outcomes, timing)) in outcomes.into_iter().enumerate() {
            self.contest.took(model_idx, timing.inference);
            if self.calibration.is_some() {
                // Its forecasts are those of the model.
                self.contest
                    .took(self.n_models + model_idx, timing.inference);
            }
            for ((job, outcome), scale) in chunk.jobs.iter().zip(outcomes).zip(&scales) {
                match outcome {
                    Ok(forecast) => self.take(model_idx, *job, &forecast, *scale),
                    Err(failure) => self.contest.failed(model_idx, failure),
                }
            }
        }
        self.score_baselines(chunk, &scales);
    }

    fn score_baselines(&mut self, chunk: &Chunk, scales: &[Option<f64>]) {
        let before = self.n_models * if self.calibration.is_some() { 2 } else { 1 };
        for (position, baseline) in Baseline::ALL.into_iter().enumerate() {
            let entrant_idx = before + position;
            let started = Instant::now();
            for ((job, request), scale) in chunk.jobs.iter().zip(&chunk.requests).zip(scales) {
                if job.window.role != Role::Scored {
                    continue;
                }
                let place = (entrant_idx, job.series_idx);
                match baseline.forecast(request) {
                    Some(forecast) => {
                        let actual = actual(&self.series, *job);
                        self.contest.record(place, &forecast, actual, *scale);
                    }
                    None => self.contest.failed(entrant_idx, "a value is not finite"),
                }
            }
            self.contest.took(entrant_idx, started.elapsed());
        }
    }

    /// Learns from a forecast of a model, or scores it.
    fn take(&mut self, model_idx: usize, job: Job, forecast: &Forecast, scale: Option<f64>) {
        let actual = actual(&self.series, job);
        let learner = self.calibration.as_mut().map(|all| &mut all[model_idx]);
        if job.window.role == Role::Calibrates {
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
            self.contest.took(place, started.elapsed());
            self.contest
                .record((place, job.series_idx), &calibrated, actual, scale);
        }
        self.contest
            .record((model_idx, job.series_idx), forecast, actual, scale);
    }

    /// Whether any residual was seen.
    pub(super) fn is_calibrated(&self) -> bool {
        let mut learners = self.calibration.iter().flatten();
        learners.any(|learner| !learner.residuals.is_empty())
    }

    pub(super) fn finish(self) -> Leaderboard {
        self.contest.finish()
    }
}

/// The windows of `series`, the next last.
fn cut(series: &[ForecastRequest], plan: Plan, least: usize) -> (Vec<Job>, Counts) {
    let mut jobs = Vec::new();
    let mut counts = Counts::default();
    for (series_idx, request) in series.iter().enumerate() {
        match plan.windows_of(request.series().values(), least) {
            Ok(windows) => {
                let scored = windows.iter().filter(|one| one.role == Role::Scored);
                counts.fewer += usize::from(scored.count() < plan.scored());
                let job = |window| Job { series_idx, window };
                jobs.extend(windows.into_iter().map(job));
            }
            Err(short) => counts.too_short.push((series_idx, short)),
        }
    }
    let scored = jobs.iter().filter(|job| job.window.role == Role::Scored);
    counts.scored = scored.count();
    counts.calibrating = jobs.len() - counts.scored;
    // Taken from the end.
    jobs.sort_by_key(|job| (job.window.role, job.series_idx, job.window.cutoff));
    jobs.reverse();
    (jobs, counts)
}

fn entrants(names: Vec<String>, calibrated: bool) -> Vec<Entrant> {
    let of_kind = |kind| move |name: String| Entrant { name, kind };
    let again = if calibrated {
        names.clone()
    } else {
        Vec::new()
    };
    let baselines = Baseline::ALL.map(|baseline| baseline.name().to_owned());
    let models = names.into_iter().map(of_kind(Kind::Model));
    models
        .chain(again.into_iter().map(of_kind(Kind::Calibrated)))
        .chain(baselines.into_iter().map(of_kind(Kind::Baseline)))
        .collect()
}

/// What happened after the cut.
fn actual(series: &[ForecastRequest], job: Job) -> &[f64] {
    let request = &series[job.series_idx];
    &request.series().values()[job.window.cutoff..][..request.horizon().steps()]
}

fn scale_of(request: &ForecastRequest) -> Option<f64> {
    scale(request.series().values(), request.season_length())
}
