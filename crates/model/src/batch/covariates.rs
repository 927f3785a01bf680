//! The covariates of one row: filled, scaled, and laid beside its history.

use ndarray::Array2;

use crate::Manifest;
use crate::batch::{Path, Place};
use crate::history::written;
use crate::imputation::{self, Before};
use crate::manifest::{ContextRole, CovariateRole, PadSide, PadValue};
use crate::scaling::Scale;
use almanac_forecast::{CovariateValues, ForecastRequest, StaticValue};

/// The covariates of one row, as many and in the order of the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    columns: Vec<Column>,
    /// Where in the columns the steps ahead begin.
    origin: usize,
}

/// The steps of one covariate, `NaN` where not known; a static one has one value.
#[derive(Clone, Debug, Default, PartialEq)]
struct Column {
    values: Vec<f64>,
    padding: f64,
    is_static: bool,
}

impl Known {
    /// Those of `request` for the last `context` values of its series and `ahead` steps behind them.
    pub(super) fn prepare(
        manifest: &Manifest,
        request: &ForecastRequest,
        (context, ahead): (usize, usize),
    ) -> Self {
        let start = request.series().values().len() - context;
        let column = |role: &CovariateRole| match request.covariates().get(&role.name) {
            Some(CovariateValues::Static(value)) => Column::of_static(role, value),
            Some(CovariateValues::Past(values) | CovariateValues::Future(values)) => {
                Column::of_steps(role, values, (start, context, ahead))
            }
            None => Column::default(),
        };
        Self {
            columns: manifest.covariates.iter().map(column).collect(),
            origin: context,
        }
    }

    /// The value of covariate `column_idx` so many steps ahead of the series, counted from 0, and
    /// `lag` before that. `NaN` where it is not known.
    pub(crate) fn ahead(&self, column_idx: usize, ahead: usize, lag: usize) -> f64 {
        let Some(column) = self.columns.get(column_idx) else {
            return f64::NAN;
        };
        if column.is_static {
            return column.value(0);
        }
        let place = (self.origin + ahead).checked_sub(lag);
        place.map_or(f64::NAN, |place| column.value(place))
    }
}

impl Column {
    fn of_static(role: &CovariateRole, value: &StaticValue) -> Self {
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

    fn of_steps(
        role: &CovariateRole,
        values: &[f64],
        (start, context, ahead): (usize, usize, usize),
    ) -> Self {
        let (earlier, seen) = values.split_at(start.min(values.len()));
        let past = &seen[..context.min(seen.len())];
        let scale = Scale::of(past, role.scaling, role.scale_floor);
        let mut values = seen.to_vec();
        values.resize(context + ahead, f64::NAN);
        imputation::fill(&mut values, role.missing, Before::of(earlier));
        for value in &mut values {
            *value = written(scale.apply(*value), role.missing);
        }
        let own = &values[..context];
        let padding = match role.padding() {
            PadValue::Nan => f64::NAN,
            PadValue::Zero => 0.0,
            PadValue::First => own
                .iter()
                .copied()
                .find(|value| !value.is_nan())
                .unwrap_or(0.0),
            PadValue::Mean => imputation::mean(own),
        };
        Self {
            values,
            padding,
            is_static: false,
        }
    }

    fn value(&self, place: usize) -> f64 {
        self.values.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// Covariate `column_idx` of each path: the steps of contexts padded to `width`, then those of one run
/// ahead of them. A static one has its value throughout.
pub(super) fn tensor(
    manifest: &Manifest,
    column_idx: usize,
    (paths, known): (&[Path<'_>], &[&Known]),
    (width, place): (usize, Place),
) -> Array2<f64> {
    let role = &manifest.context;
    let native = manifest.horizon.native;
    let mut tensor = Array2::from_elem((paths.len(), width + native), f64::NAN);
    for ((path, known), mut cells) in paths.iter().zip(known).zip(tensor.rows_mut()) {
        let Some(column) = known.columns.get(column_idx) else {
            continue;
        };
        if column.is_static {
            cells.fill(column.value(0));
            continue;
        }
        let length = path.seen(role);
        let end = known.origin + place.begun - place.behind;
        let first = padded_before(role, width - length);
        for (place, cell) in cells.iter_mut().enumerate() {
            *cell = match place.checked_sub(width) {
                Some(ahead) => column.value(end + ahead),
                None if (first..first + length).contains(&place) => {
                    column.value(end + place - first - length)
                }
                None => column.padding,
            };
        }
    }
    tensor
}

/// How much of `padding` stands before the context.
const fn padded_before(role: &ContextRole, padding: usize) -> usize {
    match role.pad {
        PadSide::Left => padding,
        PadSide::Right => 0,
    }
}

#[cfg(test)]
mod tests;
