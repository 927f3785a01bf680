//! The rules for the further inputs of a graph.

use super::ensure;
use crate::manifest::{ElementType, Fill, InputAxis, InputRole, ManifestDocument, ManifestError};

impl ManifestDocument {
    pub(super) fn check_inputs(&self) -> Result<(), ManifestError> {
        let takes_features = !self.context.features.is_empty();
        for (input_idx, input) in self.inputs.iter().enumerate() {
            let is_repeated = self.inputs[..input_idx]
                .iter()
                .any(|other| other.name == input.name);
            ensure(
                !is_repeated,
                "inputs.name",
                &input.name,
                "another table of [[inputs]] has this name; use each name once",
            )?;
            check_axes(input, takes_features)?;
            check_fill(input, takes_features)?;
            check_constant(input)?;
        }
        Ok(())
    }
}

/// Returns the number of axes of `input` for which `is_counted` holds.
fn count(input: &InputRole, is_counted: impl Fn(InputAxis) -> bool) -> usize {
    input.axes.iter().filter(|axis| is_counted(**axis)).count()
}

fn check_axes(input: &InputRole, takes_features: bool) -> Result<(), ManifestError> {
    let key = format_args!("inputs.axes of {:?}", input.name);
    let context = count(input, InputAxis::has_context);
    ensure(
        count(input, |axis| axis == InputAxis::Batch) <= 1 && input.axes.len() <= 6,
        key,
        &input.axes,
        r#"use at most 6 axes, and "batch" at most once"#,
    )?;
    ensure(
        context <= 1,
        key,
        &input.axes,
        r#"use at most one of "time" and "span""#,
    )?;
    ensure(
        context == 0 || !takes_features,
        key,
        &input.axes,
        r#"remove "time" and "span", which a graph on [[context.features]] does not have"#,
    )
}

fn check_fill(input: &InputRole, takes_features: bool) -> Result<(), ManifestError> {
    let has_batch = count(input, |axis| axis == InputAxis::Batch) == 1;
    let has_context = count(input, InputAxis::has_context) == 1;
    let (holds, rule) = match &input.fill {
        Fill::Observed | Fill::Missing | Fill::Padding => (
            has_batch && has_context,
            r#"a mask requires the axes "batch" and either "time" or "span""#,
        ),
        Fill::Row => (has_batch, r#"it requires the axis "batch""#),
        Fill::Horizon => (
            has_batch && !has_context && !takes_features,
            r#"it requires the axis "batch" without "time" or "span", and no [[context.features]]"#,
        ),
        // Checked with the covariates.
        Fill::Constant(_) | Fill::Covariates(_) | Fill::Group | Fill::Ahead => (true, ""),
    };
    let key = format_args!("inputs.fill of {:?}", input.name);
    ensure(holds, key, &input.fill, rule)
}

fn check_constant(input: &InputRole) -> Result<(), ManifestError> {
    let holds = match (&input.fill, input.r#type) {
        (_, ElementType::Float32 | ElementType::Float64) => true,
        (Fill::Constant(number), _) => number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX),
        _ => true,
    };
    ensure(
        holds,
        format_args!("inputs.fill of {:?}", input.name),
        &input.fill,
        "use a whole number within 32 bits, because inputs.type is not a floating point type",
    )
}
