//! The rules for the forecast.

use almanac_forecast::{QuantileLevel, QuantileLevels};

use super::{MAX, ensure, ensure_between, to_toml};
use crate::manifest::{
    Family, ManifestDocument, ManifestError, OutputAxis, OutputKind, OutputRole,
};

impl ManifestDocument {
    pub(super) fn check_output(&self) -> Result<(), ManifestError> {
        let output = &self.output;
        // A row of such an output is one step.
        let is_time_optional = self.context.is_direct() || self.horizon.native == 1;
        ensure(
            has_valid_axes(output, is_time_optional),
            "output.axes",
            &output.axes,
            r#"use "batch" first, then "time" and the axis of output.kind ("quantile", "sample", "parameter"; none for points) in the order of the graph, and "variate" if the graph has it"#,
        )?;
        ensure(
            !(output.time_from_end && output.skip > 0),
            "output.skip",
            &output.skip,
            "remove it, because output.time_from_end is set",
        )?;
        ensure_between("output.skip", output.skip, 0..=MAX)?;
        check_distribution(output)
    }
}

fn has_valid_axes(output: &OutputRole, is_time_optional: bool) -> bool {
    let count = |axis| output.axes.iter().filter(|own| **own == axis).count();
    let kind_axis = output.kind.axis();
    let has_kind_axis = [
        OutputAxis::Quantile,
        OutputAxis::Sample,
        OutputAxis::Parameter,
    ]
    .into_iter()
    .all(|axis| count(axis) == usize::from(kind_axis == Some(axis)));
    output.axes.first() == Some(&OutputAxis::Batch)
        && count(OutputAxis::Batch) == 1
        && count(OutputAxis::Variate) <= 1
        && (count(OutputAxis::Time) == 1 || (is_time_optional && count(OutputAxis::Time) == 0))
        && has_kind_axis
}

fn check_distribution(output: &OutputRole) -> Result<(), ManifestError> {
    let parameters = &output.parameters;
    match (output.kind, output.family) {
        (OutputKind::Distribution, None) => ensure(
            false,
            "output.family",
            &output.family,
            r#"set it, because output.kind is "distribution""#,
        ),
        (OutputKind::Distribution, Some(family)) => ensure(
            family.takes(parameters),
            "output.parameters",
            parameters,
            format_args!(
                "output.family = {} requires {}",
                to_toml(&family),
                list_parameters(family)
            ),
        ),
        (kind, family) => ensure(
            family.is_none() && parameters.is_empty(),
            "output.kind",
            &kind,
            r#"remove output.family and output.parameters, or use "distribution""#,
        ),
    }
}

fn list_parameters(family: Family) -> String {
    family
        .parameter_sets()
        .iter()
        .map(to_toml)
        .collect::<Vec<_>>()
        .join(" or ")
}

/// Returns the levels of `output`, after it sets that of a point to the median.
pub(super) fn levels(output: &mut OutputRole) -> Result<QuantileLevels, ManifestError> {
    if output.kind == OutputKind::Point {
        ensure(
            output.levels.is_empty(),
            "output.levels",
            &output.levels,
            "remove it, because a point is the median",
        )?;
        output.levels = vec![0.5];
    }
    let invalid = || ManifestError::Value {
        key: "output.levels".to_owned(),
        value: to_toml(&output.levels),
        rule: "use ascending numbers between 0 and 1 that include 0.5".to_owned(),
    };
    let own: Vec<_> = output
        .levels
        .iter()
        .map(|&level| QuantileLevel::new(level))
        .collect::<Result<_, _>>()
        .map_err(|_| invalid())?;
    let levels = QuantileLevels::with_median(own.iter().copied());
    // Equal only if nothing was added, dropped or moved.
    if levels.as_slice() != own.as_slice() {
        return Err(invalid());
    }
    if let Some(columns) = &output.columns {
        ensure(
            output.kind == OutputKind::Quantiles,
            "output.columns",
            columns,
            r#"remove it, because output.kind is not "quantiles""#,
        )?;
        ensure(
            columns.len() == own.len() && columns.iter().all(|column| *column < MAX),
            "output.columns",
            columns,
            format_args!(
                "use a position below {MAX} for each of the {} output.levels",
                own.len()
            ),
        )?;
    }
    Ok(levels)
}
