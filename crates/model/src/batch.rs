//! Requests turned into the tensors of one run, and its output turned into forecasts.

mod beside;
mod block;
mod covariates;
mod inputs;

use ndarray::{Array1, Array2, Array3, ArrayD, s};
use thiserror::Error;

use crate::features::Ahead;
use crate::history::{self, History, Units};
use crate::manifest::{CovariateRole, Missing, OutputKind, Rollout};
use crate::scaling::Scale;
use crate::{Forecaster, Manifest, PredictError, Prediction, rollout};
use almanac_forecast::{Forecast, ForecastRequest, QuantileGrid, Warning};

use beside::{Beside, Group};
pub(super) use block::{Path, Place};
pub(super) use covariates::Known;
use inputs::Seen;

/// The tensors of one run, and what is needed to read its output row by row.
///
/// A row's answer does not depend on its neighbours: each has its own scale, its own padding and
/// its own share of the horizon.
///
/// Where the graph needs more than the values themselves, or more than one run, [`Batch::run`] makes
/// the runs of it: smaller batches, which the forecaster is given instead of this one.
#[derive(Clone, Debug)]
pub struct Batch {
    contexts: Array2<f32>,
    /// The same in the type of a graph that computes in double precision.
    wide_contexts: Option<Array2<f64>>,
    /// What each step of the contexts is, where an input of the graph tells.
    seen: Option<Array2<Seen>>,
    /// Each covariate of the manifest, of the steps of the contexts and of those ahead; none where no
    /// input takes any.
    covariates: Vec<Array2<f64>>,
    /// Where rows are covariates: which, and of what.
    beside: Option<Beside>,
    /// What a recurrent graph carries, in the order of the manifest.
    states: Vec<ArrayD<f64>>,
    season_lengths: Array1<i64>,
    horizon: usize,
    /// How many steps of this run each row wants; rows that want fewer than others get them for nothing.
    wanted: Vec<usize>,
    rows: Vec<Row>,
    /// Whether the forecaster is given this batch as it is.
    is_one_run: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    units: Units,
    floor: Option<f64>,
    context_length: usize,
    pub(super) horizon: usize,
    /// Empty where the batch is one run.
    pub(super) history: History,
    pub(super) ahead: Ahead,
    known: Known,
    /// The covariates that are rows beside it.
    group: Group,
}

/// Why one row of a batch has no forecast, when the batch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RowError {
    /// The model's values for this row are not finite numbers.
    #[error("the model gave values that are not finite for this series")]
    NotFinite,
}

impl Batch {
    /// The tensors of `requests`, in their order, as `manifest` wants them.
    ///
    /// Each context is the tail of its series that the model sees. Those of a plain manifest are padded
    /// with `NaN` on the left, to the longest of this batch.
    #[must_use]
    pub fn pack(manifest: &Manifest, requests: &[&ForecastRequest]) -> Self {
        let horizon = requests.iter().map(|request| request.horizon().steps());
        let horizon = horizon.max().unwrap_or(0);
        let (contexts, rows, is_one_run) =
            if manifest.is_plain() && horizon <= manifest.horizon.native {
                let (contexts, rows) = pack_plain(manifest, requests);
                (contexts, rows, true)
            } else {
                let rows = requests.iter().map(|request| {
                    Row::prepare(manifest, request, manifest.horizon.covered(horizon))
                });
                (Array2::zeros((requests.len(), 0)), rows.collect(), false)
            };
        Self {
            contexts,
            wide_contexts: None,
            seen: None,
            covariates: Vec::new(),
            beside: None,
            states: Vec::new(),
            season_lengths: requests
                .iter()
                .map(|request| season_input(manifest, request.season_length()))
                .collect(),
            horizon,
            wanted: rows.iter().map(|row| row.horizon).collect(),
            rows,
            is_one_run,
        }
    }

    /// The contexts, `[row, time]`, padded; or the features, `[row, feature]`, with a row for each step
    /// ahead where the graph takes the step as a feature.
    ///
    /// Without columns in a batch that takes several runs.
    #[must_use]
    pub const fn contexts(&self) -> &Array2<f32> {
        &self.contexts
    }

    /// [`Batch::contexts`] in double precision, where the graph computes in it.
    #[must_use]
    pub const fn wide_contexts(&self) -> Option<&Array2<f64>> {
        self.wide_contexts.as_ref()
    }

    /// The season length of each row, as the graph wants it.
    #[must_use]
    pub const fn season_lengths(&self) -> &Array1<i64> {
        &self.season_lengths
    }

    /// The states before this run, in the order of the manifest.
    #[must_use]
    pub fn states(&self) -> &[ArrayD<f64>] {
        &self.states
    }

    /// The longest horizon of the batch.
    #[must_use]
    pub const fn horizon(&self) -> usize {
        self.horizon
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.season_lengths.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `forecaster` on this batch: the quantiles `[row, level, step]` in the model's units.
    ///
    /// # Errors
    /// The forecaster's, and [`PredictError::Shape`] when its answer is not one of this batch.
    pub fn run(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Array3<f32>, PredictError> {
        if !self.is_one_run {
            return rollout::run(self, manifest, forecaster);
        }
        let output = forecaster.predict(self)?;
        self.shaped(manifest, output)
    }

    /// Runs `forecaster` on this batch, which is one run: the quantiles, and the states after it.
    pub(super) fn run_on(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Prediction, PredictError> {
        let (output, states) = forecaster.predict_on(self)?;
        Ok((self.shaped(manifest, output)?, states))
    }

    /// Goes on from `states`.
    pub(super) fn remember(&mut self, states: Vec<ArrayD<f64>>) {
        self.states = states;
    }

    /// `output`, when it is one of this batch.
    fn shaped(
        &self,
        manifest: &Manifest,
        output: Array3<f32>,
    ) -> Result<Array3<f32>, PredictError> {
        let (rows, levels, steps) = output.dim();
        let expected = [self.len(), manifest.levels().as_slice().len(), self.horizon];
        if [rows, levels] != expected[..2] || steps < self.horizon {
            return Err(PredictError::Shape {
                expected,
                actual: vec![rows, levels, steps],
            });
        }
        Ok(output)
    }

    /// The quantiles of each row in the units of its series, each to its own horizon.
    ///
    /// `output` is what [`Batch::run`] gave.
    pub fn grids<'a>(
        &'a self,
        manifest: &'a Manifest,
        output: &'a Array3<f32>,
    ) -> impl Iterator<Item = Result<QuantileGrid, RowError>> + 'a {
        self.rows.iter().enumerate().map(move |(row_idx, row)| {
            let cells = output.slice(s![row_idx, .., ..row.horizon]);
            let mut values: Vec<_> = cells.iter().map(|value| f64::from(*value)).collect();
            row.units.undo(&mut values, row.horizon);
            let grid =
                QuantileGrid::new(manifest.levels().clone(), values).ok_or(RowError::NotFinite)?;
            let grid = match row.floor {
                Some(floor) => grid.clipped_below(floor),
                None => grid,
            };
            Ok(if manifest.postprocess.integer {
                grid.rounded()
            } else {
                grid
            })
        })
    }

    /// The forecasts of `requests`, which must be those this batch was packed from.
    #[must_use]
    pub fn forecasts(
        &self,
        manifest: &Manifest,
        requests: &[&ForecastRequest],
        output: &Array3<f32>,
    ) -> Vec<Result<Forecast, RowError>> {
        self.grids(manifest, output)
            .zip(requests)
            .zip(&self.rows)
            .map(|((grid, request), row)| {
                let mut forecast = Forecast::from_grid(&grid?, request.levels(), row.floor);
                if manifest.postprocess.integer {
                    forecast = forecast.rounded();
                }
                forecast.season_length = request.season_length();
                forecast.context_length = row.context_length;
                forecast
                    .warnings
                    .splice(0..0, warnings_of(manifest, request, row));
                Ok(forecast)
            })
            .collect()
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }
}

impl Row {
    /// The row of `request`, with what features need to know of `steps` ahead.
    fn prepare(manifest: &Manifest, request: &ForecastRequest, steps: usize) -> Self {
        let series = request.series();
        let context = history::context(manifest, series);
        let (history, units) = History::prepare(manifest, series, context);
        let length = series.values().len();
        let known = Known::prepare(manifest, request, (context.len(), steps));
        Self {
            units,
            floor: floor_of(context, manifest),
            context_length: context.len(),
            horizon: request.horizon().steps(),
            history,
            ahead: Ahead::of(manifest, (length, steps), (series.calendar(), &known)),
            known,
            group: Group::prepare(manifest, request, context.len()),
        }
    }
}

/// The contexts of a graph that takes the values themselves, written once.
fn pack_plain(manifest: &Manifest, requests: &[&ForecastRequest]) -> (Array2<f32>, Vec<Row>) {
    let most = manifest.context.max_length;
    let contexts: Vec<_> = requests
        .iter()
        .map(|request| request.series().tail(most))
        .collect();
    let width = contexts.iter().map(|context| context.len()).max();
    let width = width.unwrap_or(0);
    let mut tensor = Array2::from_elem((requests.len(), width), f32::NAN);
    let mut rows = Vec::with_capacity(requests.len());
    for ((context, request), mut row) in contexts.iter().zip(requests).zip(tensor.rows_mut()) {
        let role = &manifest.context;
        let scale = Scale::of(context, role.scaling, role.scale_floor);
        for (cell, value) in row.iter_mut().skip(width - context.len()).zip(*context) {
            *cell = narrow(scale.apply(*value));
        }
        rows.push(Row {
            units: Units::of(scale),
            floor: floor_of(context, manifest),
            context_length: context.len(),
            horizon: request.horizon().steps(),
            history: History::default(),
            ahead: Ahead::default(),
            known: Known::default(),
            group: Group::default(),
        });
    }
    (tensor, rows)
}

fn warnings_of(manifest: &Manifest, request: &ForecastRequest, row: &Row) -> Vec<Warning> {
    let mut warnings = request.warnings().to_vec();
    let given = request.series().values().len();
    if given > row.context_length {
        warnings.push(Warning::ContextTruncated {
            given,
            used: row.context_length,
        });
    }
    let season_length = request.season_length();
    if let Some(role) = &manifest.season_length
        && season_length > role.longest
    {
        warnings.push(Warning::SeasonIgnored {
            season_length,
            longest: role.longest,
        });
    }
    let ignored = manifest.ignored(request).map(|one| one.name.clone());
    let ignored: Vec<_> = ignored.collect();
    if !ignored.is_empty() {
        warnings.push(Warning::CovariatesIgnored { names: ignored });
    }
    warnings.extend(extended(manifest, request));
    let native = manifest.horizon.native;
    if manifest.horizon.rollout == Rollout::Median
        && manifest.output.kind != OutputKind::Point
        && row.horizon > native
    {
        warnings.push(Warning::RolledOut { native });
    }
    warnings
}

/// What is to be said of covariates that are not known as far as the model looks.
fn extended(manifest: &Manifest, request: &ForecastRequest) -> Option<Warning> {
    let length = request.series().values().len();
    let short = manifest
        .covariates
        .iter()
        .filter_map(|role: &CovariateRole| {
            let values = request.covariates().get(&role.name)?.steps();
            let known = values.len().checked_sub(length)?;
            let seen = manifest.ahead(role, request.horizon().steps());
            (role.missing != Missing::Nan && seen > known).then_some((known, seen))
        });
    let (known, seen) = short.max_by_key(|(_, seen)| *seen)?;
    Some(Warning::CovariatesExtended { known, seen })
}

fn season_input(manifest: &Manifest, season_length: usize) -> i64 {
    let Some(role) = &manifest.season_length else {
        return 0;
    };
    let usable = season_length > 1 && season_length <= role.longest;
    if usable {
        i64::try_from(season_length).unwrap_or(role.unknown)
    } else {
        role.unknown
    }
}

fn floor_of(context: &[f64], manifest: &Manifest) -> Option<f64> {
    let negative = context.iter().any(|value| *value < 0.0);
    (manifest.postprocess.non_negative && !negative).then_some(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "the graph computes in f32")]
pub(super) const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
