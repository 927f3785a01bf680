//! Some series on their way through the engine.

use std::iter::Peekable;
use std::time::{Duration, Instant};

use crate::batch::{BatchOptions, SeriesProblem};
use almanac_engine::{Engine, Outcomes, Priority, Submission, SubmitError, Terms};
use almanac_forecast::{Forecast, ForecastRequest};
use almanac_frame::TableSeries;

/// Series that the engine works on.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) rows: Rows,
    pub(super) submission: Submission,
}

/// Series that go to the engine together, and those among them that cannot.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The id of each, and whether it is a request or a problem.
    ids: Vec<(Option<String>, Option<SeriesProblem>)>,
    requests: Vec<ForecastRequest>,
}

impl Rows {
    /// The next series, of at most the chunk's steps. One series is taken however long it is.
    pub(super) fn take(
        series: &mut Peekable<impl Iterator<Item = TableSeries>>,
        options: &BatchOptions,
        most_context: usize,
    ) -> Option<Self> {
        series.peek()?;
        let mut rows = Self::default();
        let mut steps = 0_usize;
        while let Some(TableSeries { id, draft }) = series.next_if(|next| {
            let cost = cost(next, options, most_context);
            let fits = steps.saturating_add(cost) <= options.chunk_steps;
            steps = steps.saturating_add(cost);
            fits || rows.ids.is_empty()
        }) {
            let request = draft.map_err(SeriesProblem::from).and_then(|draft| {
                let levels = options.levels.clone();
                Ok(draft.into_request(options.horizon, levels, &options.limits)?)
            });
            match request {
                Ok(request) => {
                    rows.ids.push((id, None));
                    rows.requests.push(request);
                }
                Err(problem) => rows.ids.push((id, Some(problem))),
            }
        }
        Some(rows)
    }

    /// Hands the requests to `engine`, which takes a copy: these are needed to write the answers,
    /// and again if it refuses.
    pub(super) fn submit(
        &self,
        engine: &Engine,
        timeout: Duration,
    ) -> Result<Submission, SubmitError> {
        let terms = Terms {
            deadline: Instant::now() + timeout,
            priority: Some(Priority::Bulk),
        };
        engine.submit(self.requests.clone(), terms)
    }

    /// How many series.
    pub(super) const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Each series with what came of it. `outcomes` are those of the requests, in their order.
    pub(super) fn answered(
        self,
        outcomes: Outcomes,
    ) -> impl Iterator<
        Item = (
            Option<String>,
            Result<(ForecastRequest, Forecast), SeriesProblem>,
        ),
    > {
        let mut answers = self.requests.into_iter().zip(outcomes);
        self.ids.into_iter().filter_map(move |(id, problem)| {
            let outcome = match problem {
                Some(problem) => Err(problem),
                None => {
                    let (request, outcome) = answers.next()?;
                    outcome
                        .map(|forecast| (request, forecast))
                        .map_err(SeriesProblem::from)
                }
            };
            Some((id, outcome))
        })
    }
}

/// The steps of a series in the engine, before gaps are filled; 1 for one that does not go there.
fn cost(series: &TableSeries, options: &BatchOptions, most_context: usize) -> usize {
    series.draft.as_ref().map_or(1, |draft| {
        draft
            .values
            .len()
            .min(most_context)
            .saturating_add(options.horizon.steps())
    })
}
