//! Series cut at moments of their past.

use almanac_forecast::backtest::{Role, TooShort, Window};
use almanac_forecast::{ForecastRequest, Plan, QuantileLevels};

/// Series, and the windows of them that are still to be forecast.
#[derive(Debug)]
pub(in crate::call) struct Cuts {
    series: Vec<ForecastRequest>,
    /// The levels of what is forecast.
    levels: QuantileLevels,
    /// The next last: those that calibrate are first.
    jobs: Vec<Job>,
    counts: Counts,
}

/// The most values that the histories of a chunk hold: 16 MiB.
const MOST_HELD: usize = 2 * 1_024 * 1_024;

/// A window of the series at `series_idx`.
#[derive(Clone, Copy, Debug)]
pub(in crate::call) struct Job {
    pub(in crate::call) series_idx: usize,
    pub(in crate::call) window: Window,
}

/// What there is to do.
#[derive(Clone, Debug, Default)]
pub(in crate::call) struct Counts {
    /// Series without a window, by their position.
    pub(in crate::call) too_short: Vec<(usize, TooShort)>,
    /// Series with fewer windows than were asked for.
    pub(in crate::call) fewer: usize,
    /// Windows to be scored.
    pub(in crate::call) scored: usize,
    /// Windows that calibrate.
    pub(in crate::call) calibrating: usize,
}

/// Windows that go to the models together.
#[derive(Debug)]
pub(in crate::call) struct Chunk {
    pub(in crate::call) jobs: Vec<Job>,
    pub(in crate::call) requests: Vec<ForecastRequest>,
}

impl Cuts {
    /// The windows of `series` by `plan`, none with fewer than `least` values before it.
    pub(in crate::call) fn new(
        series: Vec<ForecastRequest>,
        plan: Plan,
        levels: QuantileLevels,
        least: usize,
    ) -> Self {
        let (jobs, counts) = cut(&series, plan, least);
        Self {
            series,
            levels,
            jobs,
            counts,
        }
    }

    /// What is to be done.
    pub(in crate::call) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The next windows, of at most `steps` steps of context and horizon; one is taken however long it
    /// is. No model sees more than `most_context` values. Bounded in memory too, for a window holds all of
    /// its history.
    pub(in crate::call) fn next_chunk(
        &mut self,
        steps: usize,
        most_context: usize,
    ) -> Option<Chunk> {
        let mut chunk = Chunk {
            jobs: Vec::new(),
            requests: Vec::new(),
        };
        let (mut taken, mut held) = (0, 0);
        while let Some(job) = self.jobs.last().copied() {
            let series = &self.series[job.series_idx];
            let cost = job.window.cutoff.min(most_context) + series.horizon().steps();
            held += job.window.cutoff * (1 + series.covariates().len());
            if taken > 0 && (taken + cost > steps || held > MOST_HELD) {
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

    /// What happened after the cut.
    pub(in crate::call) fn actual(&self, job: Job) -> &[f64] {
        let request = &self.series[job.series_idx];
        &request.series().values()[job.window.cutoff..][..request.horizon().steps()]
    }

    /// The series, uncut.
    pub(in crate::call) fn into_series(self) -> Vec<ForecastRequest> {
        self.series
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
