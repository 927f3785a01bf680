//! What a graph is told of the past of one row, in its own units, before it is padded.

use crate::Manifest;
use crate::difference::Differences;
use crate::imputation::{self, Before};
use crate::manifest::Missing;
use crate::scaling::Scale;
use almanac_forecast::Series;

/// The steps of one row, oldest first: scaled, differenced, and filled where the rule fills.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// `NaN` where missing and not filled.
    values: Vec<f64>,
    observed: Vec<bool>,
}

/// How the graph's answer for one row is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Units {
    pub(super) scale: Scale,
    differences: Differences,
}

/// The values of a series that a model sees.
pub(super) fn context<'a>(manifest: &Manifest, series: &'a Series) -> &'a [f64] {
    let values = series.values();
    let unseen = values.len().saturating_sub(manifest.context.reach());
    let leading = if manifest.context.strip_leading {
        values.iter().position(|value| !value.is_nan()).unwrap_or(0)
    } else {
        0
    };
    &values[unseen.max(leading)..]
}

impl History {
    /// The history of `context`, the tail of `series`, and how an answer to it is read.
    pub(super) fn prepare(manifest: &Manifest, series: &Series, context: &[f64]) -> (Self, Units) {
        let role = &manifest.context;
        let scale = Scale::of(context, role.scaling, role.scale_floor);
        let mut values = context.to_vec();
        let earlier = &series.values()[..series.values().len() - context.len()];
        imputation::fill(&mut values, role.missing, Before::of(earlier));
        for value in &mut values {
            *value = scale.apply(*value);
        }
        let differences = Differences::take(&mut values, &role.differences);
        let lost = context.len() - values.len();
        let observed = context[lost..].iter().map(|value| !value.is_nan());
        let history = Self {
            values,
            observed: observed.collect(),
        };
        (history, Units { scale, differences })
    }

    /// The history of `values`, `NaN` where missing.
    pub(super) fn of(values: Vec<f64>) -> Self {
        let observed = values.iter().map(|value| !value.is_nan()).collect();
        Self { values, observed }
    }

    /// The last `most` values, and whether each was observed.
    pub(super) fn tail(&self, most: usize) -> (&[f64], &[bool]) {
        let from = self.values.len().saturating_sub(most);
        (&self.values[from..], &self.observed[from..])
    }

    /// The `steps` of which the last is so many `behind` the end.
    pub(super) fn piece(&self, steps: usize, behind: usize) -> Self {
        let end = self.values.len() - behind;
        let range = end.saturating_sub(steps)..end;
        Self {
            values: self.values[range.clone()].to_vec(),
            observed: self.observed[range].to_vec(),
        }
    }

    /// The number of steps.
    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    /// Takes `path` as observed.
    pub(super) fn extend(&mut self, path: impl IntoIterator<Item = f64>) {
        self.values.extend(path);
        self.observed.resize(self.values.len(), true);
    }

    /// Goes on with `steps` missing values.
    pub(super) fn extend_missing(&mut self, steps: usize) {
        self.values.extend(std::iter::repeat_n(f64::NAN, steps));
        self.observed.resize(self.values.len(), false);
    }

    /// Keeps the last `most` steps.
    pub(super) fn keep(&mut self, most: usize) {
        let gone = self.values.len().saturating_sub(most);
        self.values.drain(..gone);
        self.observed.drain(..gone);
    }

    /// The history of the same size and the opposite sign.
    pub(super) fn negated(&self) -> Self {
        Self {
            values: self.values.iter().map(|value| -value).collect(),
            observed: self.observed.clone(),
        }
    }
}

impl Units {
    /// Those of a row whose graph is given the values by `scale`.
    pub(super) fn of(scale: Scale) -> Self {
        Self {
            scale,
            differences: Differences::default(),
        }
    }

    /// Turns `paths`, each of `steps`, into the units of the series.
    pub(super) fn undo(&self, paths: &mut [f64], steps: usize) {
        if !self.differences.is_empty() {
            for path in paths.chunks_exact_mut(steps) {
                self.differences.undo(path);
            }
        }
        for value in paths {
            *value = self.scale.undo(*value);
        }
    }
}

/// What the graph is given for a missing value that the rule has not filled.
pub(super) const fn written(value: f64, rule: Missing) -> f64 {
    if value.is_nan() && matches!(rule, Missing::Zero) {
        0.0
    } else {
        value
    }
}
