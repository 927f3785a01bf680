//! The windows of series, cut from their past.

use almanac_forecast::backtest::{TooShort, Window, WindowRole};
use almanac_forecast::{BacktestPlan, ForecastRequest, QuantileLevels};

/// Series, and those of their windows that are not forecast yet.
#[derive(Debug)]
pub(in crate::call) struct Cuts {
    series: Vec<ForecastRequest>,
    /// The quantile levels of the forecasts.
    levels: QuantileLevels,
    /// The next window is the last one; those that calibrate come first.
    jobs: Vec<Job>,
    counts: Counts,
}

/// The maximum number of values in the histories of a chunk: 16 MiB.
const MAX_HISTORY_VALUES: usize = 2 * 1_024 * 1_024;

/// A window of the series at `series_idx`.
#[derive(Clone, Copy, Debug)]
pub(in crate::call) struct Job {
    pub(in crate::call) series_idx: usize,
    pub(in crate::call) window: Window,
}

/// The numbers of windows.
#[derive(Clone, Debug, Default)]
pub(in crate::call) struct Counts {
    /// The series without a window, by position.
    pub(in crate::call) too_short: Vec<(usize, TooShort)>,
    /// The number of series with fewer windows than requested.
    pub(in crate::call) fewer: usize,
    /// The number of windows to score.
    pub(in crate::call) scored: usize,
    /// The number of windows that calibrate.
    pub(in crate::call) calibrating: usize,
}

/// Windows that are submitted together.
#[derive(Debug)]
pub(in crate::call) struct WindowChunk {
    pub(in crate::call) jobs: Vec<Job>,
    pub(in crate::call) requests: Vec<ForecastRequest>,
}

impl Cuts {
    /// Cuts the windows of `series` by `plan`, each after at least `min_context` values.
    pub(in crate::call) fn new(
        series: Vec<ForecastRequest>,
        plan: BacktestPlan,
        levels: QuantileLevels,
        min_context: usize,
    ) -> Self {
        let (jobs, counts) = cut(&series, plan, min_context);
        Self {
            series,
            levels,
            jobs,
            counts,
        }
    }

    /// Returns the numbers of windows.
    pub(in crate::call) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the next windows, of at most `steps` steps of context and horizon; one is taken however long
    /// it is. Models use at most `max_context` values. Memory is bounded too, because a window holds its
    /// whole history.
    pub(in crate::call) fn next_chunk(
        &mut self,
        steps: usize,
        max_context: usize,
    ) -> Option<WindowChunk> {
        let mut chunk = WindowChunk {
            jobs: Vec::new(),
            requests: Vec::new(),
        };
        let (mut taken, mut history_values) = (0, 0);
        while let Some(job) = self.jobs.last().copied() {
            let series = &self.series[job.series_idx];
            let cost = job.window.cutoff.min(max_context) + series.horizon().steps();
            history_values += job.window.cutoff * (1 + series.covariates().len());
            if taken > 0 && (taken + cost > steps || history_values > MAX_HISTORY_VALUES) {
                break;
            }
            taken += cost;
            self.jobs.pop();
            // The plan cuts only after an observed value.
            if let Some(request) = series.truncated(job.window.cutoff, self.levels.clone()) {
                chunk.requests.push(request);
                chunk.jobs.push(job);
            }
        }
        (!chunk.jobs.is_empty()).then_some(chunk)
    }

    /// Returns the actual values of the window.
    pub(in crate::call) fn actual(&self, job: Job) -> &[f64] {
        let request = &self.series[job.series_idx];
        &request.series().values()[job.window.cutoff..][..request.horizon().steps()]
    }

    /// Returns the series.
    pub(in crate::call) fn into_series(self) -> Vec<ForecastRequest> {
        self.series
    }
}

/// Returns the windows of `series`, the next one last.
fn cut(series: &[ForecastRequest], plan: BacktestPlan, min_context: usize) -> (Vec<Job>, Counts) {
    let mut jobs = Vec::new();
    let mut counts = Counts::default();
    for (series_idx, request) in series.iter().enumerate() {
        match plan.windows_of(request.series().values(), min_context) {
            Ok(windows) => {
                let scored = windows.iter().filter(|one| one.role == WindowRole::Scored);
                counts.fewer += usize::from(scored.count() < plan.scored());
                let job = |window| Job { series_idx, window };
                jobs.extend(windows.into_iter().map(job));
            }
            Err(short) => counts.too_short.push((series_idx, short)),
        }
    }
    let scored = jobs
        .iter()
        .filter(|job| job.window.role == WindowRole::Scored);
    counts.scored = scored.count();
    counts.calibrating = jobs.len() - counts.scored;
    // Taken from the end.
    jobs.sort_by_key(|job| (job.window.role, job.series_idx, job.window.cutoff));
    jobs.reverse();
    (jobs, counts)
}
