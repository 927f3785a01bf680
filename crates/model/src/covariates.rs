//! The covariates of one series, filled and scaled for the graph.

use almanac_forecast::{CovariateValues, ForecastRequest, StaticValue};

use crate::Manifest;
use crate::imputation::{self, LastObserved};
use crate::manifest::{CovariateRole, PadValue};
use crate::scaling::Scale;

/// The covariates of one series, in the order of the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CovariateColumns {
    columns: Vec<CovariateColumn>,
    /// The index of the first step of the forecast in each column, which is the length of the context.
    origin: usize,
}

/// The values of one covariate, `NaN` where unknown; a static covariate has a single value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CovariateColumn {
    values: Vec<f64>,
    /// The value of the padding steps around the context.
    pub(super) padding: f64,
    pub(super) is_static: bool,
}

/// The steps of a series that a column of covariates covers.
#[derive(Clone, Copy, Debug)]
struct ColumnSpan {
    /// The index of the first value of the context in the series.
    start: usize,
    context_length: usize,
    /// The number of steps after the series.
    future_steps: usize,
}

impl CovariateColumns {
    /// Prepares the covariates of `request` for the last `context_length` values of its series and the
    /// `future_steps` steps after them.
    pub(super) fn prepare(
        manifest: &Manifest,
        request: &ForecastRequest,
        context_length: usize,
        future_steps: usize,
    ) -> Self {
        let span = ColumnSpan {
            start: request.series().values().len() - context_length,
            context_length,
            future_steps,
        };
        let column = |role: &CovariateRole| match request.covariates().get(&role.name) {
            Some(CovariateValues::Static(value)) => CovariateColumn::from_static(role, value),
            Some(CovariateValues::Past(values) | CovariateValues::Future(values)) => {
                CovariateColumn::from_steps(role, values, span)
            }
            None => CovariateColumn::default(),
        };
        Self {
            columns: manifest.covariates.iter().map(column).collect(),
            origin: context_length,
        }
    }

    /// Returns the covariate at `column_idx` of the manifest.
    pub(super) fn column(&self, column_idx: usize) -> Option<&CovariateColumn> {
        self.columns.get(column_idx)
    }

    /// Returns the index of the first step of the forecast in each column.
    pub(super) const fn origin(&self) -> usize {
        self.origin
    }

    /// Returns the value of the covariate at `column_idx`, `lag` steps before `step`, which counts the
    /// steps of the forecast from 0. Returns `NaN` if the value is unknown.
    pub(super) fn lagged_value(&self, column_idx: usize, step: usize, lag: usize) -> f64 {
        let Some(column) = self.columns.get(column_idx) else {
            return f64::NAN;
        };
        if column.is_static {
            return column.value(0);
        }
        let position = (self.origin + step).checked_sub(lag);
        position.map_or(f64::NAN, |position| column.value(position))
    }
}

impl CovariateColumn {
    fn from_static(role: &CovariateRole, value: &StaticValue) -> Self {
        let value = match value {
            StaticValue::Number(number) => *number,
            StaticValue::Category(name) => role.code(name).map_or(f64::NAN, |code| code as f64),
        };
        Self {
            values: vec![value],
            padding: value,
            is_static: true,
        }
    }

    fn from_steps(role: &CovariateRole, values: &[f64], span: ColumnSpan) -> Self {
        let (earlier, visible) = values.split_at(span.start.min(values.len()));
        let past = &visible[..span.context_length.min(visible.len())];
        let scale = Scale::fit(past, role.scaling, role.scale_floor);
        let mut values = visible.to_vec();
        values.resize(span.context_length + span.future_steps, f64::NAN);
        imputation::fill(&mut values, role.missing, LastObserved::find(earlier));
        for value in &mut values {
            *value = imputation::fill_scaled(scale.apply(*value), role.missing);
        }
        let context = &values[..span.context_length];
        let padding = match role.padding() {
            PadValue::Nan => f64::NAN,
            PadValue::Zero => 0.0,
            PadValue::First => context
                .iter()
                .copied()
                .find(|value| !value.is_nan())
                .unwrap_or(0.0),
            PadValue::Mean => imputation::mean(context),
        };
        Self {
            values,
            padding,
            is_static: false,
        }
    }

    /// Returns the value at `position`, counted from the start of the context, or `NaN` if it is unknown.
    pub(super) fn value(&self, position: usize) -> f64 {
        self.values.get(position).copied().unwrap_or(f64::NAN)
    }
}
