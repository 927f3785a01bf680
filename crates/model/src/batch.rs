//! A batch of requests as the tensors of one run, and the output of the run as forecasts.

mod covariate_rows;
mod covariates;
mod inputs;
mod pack;
mod run;
mod warnings;

use almanac_forecast::{Forecast, ForecastRequest, QuantileGrid};
use ndarray::{Array1, Array2, Array3, ArrayD, s};
use thiserror::Error;

use crate::covariates::CovariateColumns;
use crate::features::FutureFeatures;
use crate::history::{self, History, UnitTransform};
use crate::precision::narrow;
use crate::scaling::Scale;
use crate::{Forecaster, Manifest, PredictError, Prediction};

use covariate_rows::{CovariateRows, GroupLayout};
use inputs::StepKind;
pub(super) use run::{RunRow, RunWindow};

/// The tensors of one run, and the data that is needed to read its output row by row.
///
/// The forecast of a row does not depend on the values of the other rows: each row has its own scale,
/// its own padding and its own horizon. Its last digits may differ with the size of the batch, because
/// the kernels of the runtime sum in another order.
///
/// A graph may need more than the values themselves, or more than one run. [`Batch::run`] then packs a
/// smaller batch for each run and passes those to the forecaster instead of this one.
///
/// ```
/// use std::error::Error;
///
/// use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
/// use almanac_model::{Batch, Forecaster, Manifest};
///
/// /// Forecasts the median of `values`, two steps ahead.
/// fn median(
///     values: Vec<f64>,
///     manifest: &Manifest,
///     forecaster: &mut dyn Forecaster,
/// ) -> Result<Vec<f64>, Box<dyn Error>> {
///     let request = ForecastRequest::new(
///         Series::new(values, None, 1_000)?,
///         Horizon::new(2, manifest.horizon.longest)?,
///         QuantileLevels::with_median([]),
///         SeasonChoice::Given(1),
///     );
///     let batch = Batch::pack(manifest, &[&request]);
///     let output = batch.run(manifest, forecaster)?;
///     let forecast = batch.forecasts(manifest, &[&request], &output).remove(0)?;
///     Ok(forecast.point().to_vec())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Batch {
    contexts: Array2<f32>,
    /// The contexts in double precision, if the graph computes in it.
    contexts_f64: Option<Array2<f64>>,
    /// The kind of each step of the contexts, if an input of the graph distinguishes padding.
    step_kinds: Option<Array2<StepKind>>,
    /// Each covariate of the manifest, over the steps of the contexts and of the forecast; empty if no
    /// input takes covariates.
    covariates: Vec<Array2<f64>>,
    /// The layout of the rows, if covariates are extra rows.
    layout: Option<GroupLayout>,
    /// The states of a recurrent graph, in the order of the manifest.
    states: Vec<ArrayD<f64>>,
    season_lengths: Array1<i64>,
    horizon: usize,
    /// The number of steps of this run that each row needs. The graph forecasts all rows to the longest.
    requested_steps: Vec<usize>,
    rows: Vec<BatchRow>,
    /// If true, the forecaster runs this batch itself, and not smaller batches made from it.
    is_single_run: bool,
}

/// One request of a batch.
#[derive(Clone, Debug)]
pub(super) struct BatchRow {
    transform: UnitTransform,
    floor: Option<f64>,
    context_length: usize,
    pub(super) horizon: usize,
    /// Empty if the batch is a single run.
    pub(super) history: History,
    future_features: FutureFeatures,
    covariates: CovariateColumns,
    /// The covariates that are extra rows of a run.
    covariate_rows: CovariateRows,
}

/// The error returned when one row of a batch has no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RowError {
    /// The forecast of the row contains infinite values or `NaN`.
    #[error("the model returned non-finite values for this series")]
    NotFinite,
}

impl Batch {
    /// Packs `requests`, in their order, into the tensors that `manifest` describes.
    ///
    /// Each context is the tail of its series that the model sees. The contexts of a plain manifest are
    /// padded with `NaN` on the left, to the longest context of the batch.
    #[must_use]
    pub fn pack(manifest: &Manifest, requests: &[&ForecastRequest]) -> Self {
        let horizon = requests
            .iter()
            .map(|request| request.horizon().steps())
            .max()
            .unwrap_or(0);
        let is_single_run = manifest.is_plain() && horizon <= manifest.horizon.native;
        let (contexts, rows) = if is_single_run {
            pack_plain(manifest, requests)
        } else {
            let steps = manifest.horizon.covered(horizon);
            let rows: Vec<_> = requests
                .iter()
                .map(|request| BatchRow::prepare(manifest, request, steps))
                .collect();
            (Array2::zeros((requests.len(), 0)), rows)
        };
        Self {
            contexts,
            contexts_f64: None,
            step_kinds: None,
            covariates: Vec::new(),
            layout: None,
            states: Vec::new(),
            season_lengths: requests
                .iter()
                .map(|request| season_input(manifest, request.season_length()))
                .collect(),
            horizon,
            requested_steps: rows.iter().map(|row| row.horizon).collect(),
            rows,
            is_single_run,
        }
    }

    /// Returns the padded contexts, `[row, time]`, or the features, `[row, feature]`. A graph that takes
    /// the step as a feature has a row for each step of the forecast.
    ///
    /// The array has no columns if the batch takes several runs.
    #[must_use]
    pub const fn contexts(&self) -> &Array2<f32> {
        &self.contexts
    }

    /// Returns [`Batch::contexts`] in double precision, if the graph computes in it.
    #[must_use]
    pub const fn contexts_f64(&self) -> Option<&Array2<f64>> {
        self.contexts_f64.as_ref()
    }

    /// Returns the season length of each row, or the manifest's value for an unknown season.
    #[must_use]
    pub const fn season_lengths(&self) -> &Array1<i64> {
        &self.season_lengths
    }

    /// Returns the states before this run, in the order of the manifest.
    #[must_use]
    pub fn states(&self) -> &[ArrayD<f64>] {
        &self.states
    }

    /// Returns the longest horizon of the batch.
    #[must_use]
    pub const fn horizon(&self) -> usize {
        self.horizon
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.season_lengths.len()
    }

    /// Returns true if the batch has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the forecaster runs this batch itself, and not smaller batches made from it.
    pub(super) const fn is_single_run(&self) -> bool {
        self.is_single_run
    }

    /// Returns the rows, in the order of the requests.
    pub(super) fn rows(&self) -> &[BatchRow] {
        &self.rows
    }

    /// Sets the states before this run.
    pub(super) fn set_states(&mut self, states: Vec<ArrayD<f64>>) {
        self.states = states;
    }

    /// Runs `forecaster` once on this batch, and returns the quantiles `[row, level, step]`.
    pub(super) fn run_once(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Array3<f32>, PredictError> {
        let output = forecaster.predict(self)?;
        self.check_shape(manifest, output)
    }

    /// Runs `forecaster` once on this batch, and returns the quantiles and the states after the run.
    pub(super) fn run_once_with_states(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Prediction, PredictError> {
        let (output, states) = forecaster.predict_with_states(self)?;
        Ok((self.check_shape(manifest, output)?, states))
    }

    /// Returns `output` if it has the rows and levels of this batch, and enough steps.
    fn check_shape(
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

    /// Returns the quantiles of each row in the units of its series, up to its own horizon.
    ///
    /// `output` is the return value of [`Batch::run`].
    pub fn grids<'a>(
        &'a self,
        manifest: &'a Manifest,
        output: &'a Array3<f32>,
    ) -> impl Iterator<Item = Result<QuantileGrid, RowError>> + 'a {
        self.rows.iter().enumerate().map(move |(row_idx, row)| {
            let cells = output.slice(s![row_idx, .., ..row.horizon]);
            let mut values: Vec<_> = cells.iter().map(|value| f64::from(*value)).collect();
            row.transform.invert(&mut values, row.horizon);
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

    /// Returns the forecasts of `requests`, which are the requests that this batch was packed from.
    ///
    /// `output` is the return value of [`Batch::run`].
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
                    .splice(0..0, warnings::collect(manifest, request, row));
                Ok(forecast)
            })
            .collect()
    }
}

impl BatchRow {
    /// Prepares the row of `request`, with features and covariates for `steps` future steps.
    fn prepare(manifest: &Manifest, request: &ForecastRequest, steps: usize) -> Self {
        let series = request.series();
        let context = history::context(manifest, series);
        let (history, transform) = History::prepare(manifest, series, context);
        let covariates = CovariateColumns::prepare(manifest, request, context.len(), steps);
        Self {
            transform,
            floor: floor_of(context, manifest),
            context_length: context.len(),
            horizon: request.horizon().steps(),
            history,
            future_features: FutureFeatures::compute(
                manifest,
                series.values().len(),
                steps,
                series.calendar(),
                &covariates,
            ),
            covariates,
            covariate_rows: CovariateRows::prepare(manifest, request, context.len()),
        }
    }
}

/// Packs the contexts of a graph that takes the values themselves, without a copy of the histories.
fn pack_plain(manifest: &Manifest, requests: &[&ForecastRequest]) -> (Array2<f32>, Vec<BatchRow>) {
    let role = &manifest.context;
    let contexts: Vec<_> = requests
        .iter()
        .map(|request| request.series().tail(role.max_length))
        .collect();
    let width = contexts
        .iter()
        .map(|context| context.len())
        .max()
        .unwrap_or(0);
    let mut tensor = Array2::from_elem((requests.len(), width), f32::NAN);
    let mut rows = Vec::with_capacity(requests.len());
    for ((context, request), mut cells) in contexts.iter().zip(requests).zip(tensor.rows_mut()) {
        let scale = Scale::fit(context, role.scaling, role.scale_floor);
        for (cell, value) in cells.iter_mut().skip(width - context.len()).zip(*context) {
            *cell = narrow(scale.apply(*value));
        }
        rows.push(BatchRow {
            transform: UnitTransform::scaling(scale),
            floor: floor_of(context, manifest),
            context_length: context.len(),
            horizon: request.horizon().steps(),
            history: History::default(),
            future_features: FutureFeatures::default(),
            covariates: CovariateColumns::default(),
            covariate_rows: CovariateRows::default(),
        });
    }
    (tensor, rows)
}

/// Returns the season length for the graph, or the manifest's value for an unknown season.
fn season_input(manifest: &Manifest, season_length: usize) -> i64 {
    let Some(role) = &manifest.season_length else {
        return 0;
    };
    if season_length > 1 && season_length <= role.longest {
        i64::try_from(season_length).unwrap_or(role.unknown)
    } else {
        role.unknown
    }
}

/// Returns the lower bound of the forecast: zero for a series without negative values, if the manifest
/// clips such forecasts.
fn floor_of(context: &[f64], manifest: &Manifest) -> Option<f64> {
    let has_negative = context.iter().any(|value| *value < 0.0);
    (manifest.postprocess.non_negative && !has_negative).then_some(0.0)
}

#[cfg(test)]
mod tests;
