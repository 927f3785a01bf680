//! The rules for the states of a recurrent graph.

use super::ensure;
use crate::manifest::{
    ContextCovariates, InputAxis, ManifestDocument, ManifestError, Rollout, StateRole,
};

impl ManifestDocument {
    pub(super) fn check_states(&self) -> Result<(), ManifestError> {
        let context = &self.context;
        ensure(
            !context.stepwise || !self.states.is_empty(),
            "context.stepwise",
            &context.stepwise,
            "remove it, or add the [[states]] of the graph",
        )?;
        if self.states.is_empty() {
            return Ok(());
        }
        // Padding would be read into the state.
        let is_unpadded = context.features.is_empty()
            && context.multiple == 1
            && !context.fixed_length
            && context.covariates == ContextCovariates::None;
        ensure(
            is_unpadded,
            "the number of [[states]]",
            &self.states.len(),
            "remove [[context.features]], context.multiple, context.fixed_length and context.covariates, which states do not support",
        )?;
        ensure(
            matches!(self.horizon.rollout, Rollout::None | Rollout::Median),
            "horizon.rollout",
            &self.horizon.rollout,
            r#"use "median" or "none", the only ones that [[states]] support"#,
        )?;
        ensure(
            self.horizon.native <= context.max_length,
            "horizon.native",
            &self.horizon.native,
            format_args!(
                "use at most context.max_length, which is {}, with [[states]]",
                context.max_length
            ),
        )?;
        (0..self.states.len()).try_for_each(|state_idx| self.check_state(state_idx))
    }

    /// Checks the state at `state_idx` alone and with those before it.
    fn check_state(&self, state_idx: usize) -> Result<(), ManifestError> {
        let (previous, state) = (&self.states[..state_idx], &self.states[state_idx]);
        let is_new =
            |name: fn(&StateRole) -> &str| previous.iter().all(|other| name(other) != name(state));
        let is_input = self.inputs.iter().any(|input| input.name == state.input);
        ensure(
            is_new(|other| &other.input) && !is_input,
            "states.input",
            &state.input,
            "another table of [[states]] or [[inputs]] has this name; use each input once",
        )?;
        ensure(
            is_new(|other| &other.output),
            "states.output",
            &state.output,
            "another table of [[states]] has this name; use each output once",
        )?;
        let batches = state
            .axes
            .iter()
            .filter(|axis| **axis == InputAxis::Batch)
            .count();
        let has_lengths = state
            .axes
            .iter()
            .all(|axis| matches!(axis, InputAxis::Batch | InputAxis::Size(_)));
        ensure(
            batches == 1 && has_lengths && state.axes.len() <= 6,
            format_args!("states.axes of {:?}", state.input),
            &state.axes,
            r#"use "batch" once and at most 5 lengths, such as [2, "batch", 16]"#,
        )
    }
}
