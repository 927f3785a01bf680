//! What goes with a state.

use super::ensure;
use crate::manifest::{ContextCovariates, Document, InputAxis, ManifestError, Rollout, StateRole};

impl Document {
    pub(super) fn check_states(&self) -> Result<(), ManifestError> {
        let context = &self.context;
        ensure(
            !context.stepwise || !self.states.is_empty(),
            "context.stepwise",
            &context.stepwise,
            "a graph that reads the history step by step has [[states]]",
        )?;
        if self.states.is_empty() {
            return Ok(());
        }
        let reads_once = context.features.is_empty()
            && context.multiple == 1
            && !context.fixed_length
            && context.covariates == ContextCovariates::None;
        ensure(
            reads_once,
            "states",
            &format_args!("{} states", self.states.len()),
            "they go without features, context.multiple, context.fixed_length and rows of covariates: nothing may be padded",
        )?;
        ensure(
            matches!(self.horizon.rollout, Rollout::None | Rollout::Median)
                && self.horizon.native <= context.max_length,
            "horizon.rollout",
            &format_args!("{:?}", self.horizon.rollout),
            "a graph with a state goes on with \"median\" or not at all, by at most context.max_length steps",
        )?;
        (0..self.states.len()).try_for_each(|place| self.check_state(place))
    }

    /// Whether the state at `place` goes with those before it.
    fn check_state(&self, place: usize) -> Result<(), ManifestError> {
        let (before, state) = (&self.states[..place], &self.states[place]);
        let once =
            |name: fn(&StateRole) -> &str| before.iter().all(|other| name(other) != name(state));
        let is_input = self.inputs.iter().any(|input| input.name == state.input);
        ensure(
            once(|own| &own.input) && once(|own| &own.output) && !is_input,
            "states.input",
            &state.input,
            "each input and each output stands once",
        )?;
        let is_batch = |axis: &&InputAxis| **axis == InputAxis::Batch;
        let known = |axis: &InputAxis| matches!(axis, InputAxis::Batch | InputAxis::Size(_));
        ensure(
            state.axes.iter().filter(is_batch).count() == 1
                && state.axes.iter().all(known)
                && state.axes.len() <= 6,
            "states.axes",
            &format_args!("{:?} of {}", state.axes, state.input),
            "\"batch\" stands once, among lengths",
        )
    }
}
