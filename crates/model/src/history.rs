//! The history of one row in the units of the graph, before it is padded.

use almanac_forecast::Series;

use crate::Manifest;
use crate::difference::Differences;
use crate::imputation::{self, LastObserved};
use crate::scaling::Scale;

/// The steps of one row, oldest first: imputed where the rule of the manifest imputes, scaled, and
/// differenced.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// `NaN` where missing and not imputed.
    values: Vec<f64>,
    observed: Vec<bool>,
}

/// The transform from the units of a series to those of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UnitTransform {
    pub(super) scale: Scale,
    differences: Differences,
}

/// Returns the values of a series that the model sees.
pub(super) fn context<'a>(manifest: &Manifest, series: &'a Series) -> &'a [f64] {
    let values = series.values();
    let beyond_reach = values
        .len()
        .saturating_sub(manifest.context.max_context_length());
    let leading = if manifest.context.strip_leading {
        values.iter().position(|value| !value.is_nan()).unwrap_or(0)
    } else {
        0
    };
    &values[beyond_reach.max(leading)..]
}

impl History {
    /// Prepares the history of `context`, the tail of `series`, and the transform of its values.
    pub(super) fn prepare(
        manifest: &Manifest,
        series: &Series,
        context: &[f64],
    ) -> (Self, UnitTransform) {
        let role = &manifest.context;
        let scale = Scale::fit(context, role.scaling, role.scale_floor);
        let mut values = context.to_vec();
        let earlier = &series.values()[..series.values().len() - context.len()];
        imputation::fill(&mut values, role.missing, LastObserved::find(earlier));
        for value in &mut values {
            *value = scale.apply(*value);
        }
        let differences = Differences::apply(&mut values, &role.differences);
        let lost = context.len() - values.len();
        let history = Self {
            values,
            observed: context[lost..]
                .iter()
                .map(|value| !value.is_nan())
                .collect(),
        };
        (history, UnitTransform { scale, differences })
    }

    /// Creates a history of `values`, `NaN` where missing.
    pub(super) fn from_values(values: Vec<f64>) -> Self {
        let observed = values.iter().map(|value| !value.is_nan()).collect();
        Self { values, observed }
    }

    /// Returns the last `max_steps` values, and whether each was observed.
    pub(super) fn tail(&self, max_steps: usize) -> (&[f64], &[bool]) {
        let start = self.values.len().saturating_sub(max_steps);
        (&self.values[start..], &self.observed[start..])
    }

    /// Returns the `steps` steps that end `offset` steps before the end.
    pub(super) fn slice(&self, steps: usize, offset: usize) -> Self {
        let end = self.values.len() - offset;
        let range = end.saturating_sub(steps)..end;
        Self {
            values: self.values[range.clone()].to_vec(),
            observed: self.observed[range].to_vec(),
        }
    }

    /// Returns the number of steps.
    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends `values` as observed.
    pub(super) fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        self.values.extend(values);
        self.observed.resize(self.values.len(), true);
    }

    /// Appends `steps` missing values.
    pub(super) fn extend_missing(&mut self, steps: usize) {
        self.values.extend(std::iter::repeat_n(f64::NAN, steps));
        self.observed.resize(self.values.len(), false);
    }

    /// Drops all but the last `max_steps` steps.
    pub(super) fn truncate_front(&mut self, max_steps: usize) {
        let dropped = self.values.len().saturating_sub(max_steps);
        self.values.drain(..dropped);
        self.observed.drain(..dropped);
    }

    /// Returns the history with the sign of every value reversed.
    pub(super) fn negated(&self) -> Self {
        Self {
            values: self.values.iter().map(|value| -value).collect(),
            observed: self.observed.clone(),
        }
    }
}

impl UnitTransform {
    /// Creates the transform of a row that is scaled and not differenced.
    pub(super) fn scaling(scale: Scale) -> Self {
        Self {
            scale,
            differences: Differences::default(),
        }
    }

    /// Converts `paths`, each of `steps` steps after the context, to the units of the series.
    pub(super) fn invert(&self, paths: &mut [f64], steps: usize) {
        if !self.differences.is_empty() {
            for path in paths.chunks_exact_mut(steps) {
                self.differences.invert(path);
            }
        }
        for value in paths {
            *value = self.scale.invert(*value);
        }
    }
}
