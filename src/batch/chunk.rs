//! Series that are submitted together.

use std::iter::Peekable;
use std::sync::Arc;

use almanac_engine::Submission;
use almanac_engine::registry::{LiveModel, Routed};
use almanac_frame::TableSeries;

use crate::batch::BatchOptions;
use crate::call::PreparedForecast;

/// A chunk in flight.
#[derive(Debug)]
pub(super) struct ChunkInFlight {
    pub(super) prepared: PreparedForecast,
    pub(super) submission: Submission,
}

/// Takes the next series, of at most the steps of a chunk. One series is taken however long it is.
pub(super) fn next_chunk(
    series: &mut Peekable<impl Iterator<Item = TableSeries>>,
    model: &Arc<LiveModel>,
    options: &BatchOptions,
) -> Option<PreparedForecast> {
    series.peek()?;
    let max_context = model.engine.manifest().context.max_context_length();
    let mut chunk = Vec::new();
    let mut steps = 0_usize;
    while let Some(next) = series.next_if(|next| {
        steps = steps.saturating_add(cost(next, options, max_context));
        steps <= options.chunk_steps || chunk.is_empty()
    }) {
        chunk.push(next.into());
    }
    let routed = Routed {
        model: Arc::clone(model),
        shadow: None,
    };
    Some(PreparedForecast::new(
        routed,
        options.spec.clone(),
        chunk,
        &options.limits,
    ))
}

/// Returns the steps of a series in the engine, before gaps are filled; 1 for one that is invalid.
fn cost(series: &TableSeries, options: &BatchOptions, max_context: usize) -> usize {
    series.draft.as_ref().map_or(1, |draft| {
        draft
            .values
            .len()
            .min(max_context)
            .saturating_add(options.spec.horizon.steps())
    })
}
