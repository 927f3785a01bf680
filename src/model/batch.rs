//! Requests turned into the tensors of one run, and its output turned into forecasts.

use ndarray::{Array1, Array2, Array3, s};
use thiserror::Error;

use crate::forecast::{Forecast, ForecastRequest, QuantileGrid, Warning};
use crate::model::manifest::Scaling;
use crate::model::{Forecaster, Manifest, PredictError};

/// The tensors of one run, and what is needed to read its output row by row.
///
/// A row's answer does not depend on its neighbours: each has its own scale, its own padding and
/// its own share of the horizon.
#[derive(Clone, Debug)]
pub struct Batch {
    contexts: Array2<f32>,
    season_lengths: Array1<i64>,
    horizon: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    scale: f64,
    floor: Option<f64>,
    context_length: usize,
    horizon: usize,
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
    /// Each context is the tail of its series that the model sees; shorter ones are padded with
    /// `NaN` on the left, to the longest of this batch.
    #[must_use]
    pub fn pack(manifest: &Manifest, requests: &[&ForecastRequest]) -> Self {
        let most = manifest.context.max_length;
        let contexts: Vec<_> = requests
            .iter()
            .map(|request| request.series().tail(most))
            .collect();
        let width = contexts
            .iter()
            .map(|context| context.len())
            .max()
            .unwrap_or(0);
        let mut tensor = Array2::from_elem((requests.len(), width), f32::NAN);
        let mut rows = Vec::with_capacity(requests.len());
        for ((context, request), mut row) in contexts.iter().zip(requests).zip(tensor.rows_mut()) {
            let scale = scale_of(context, manifest.context.scaling);
            for (cell, value) in row.iter_mut().skip(width - context.len()).zip(*context) {
                *cell = narrow(value / scale);
            }
            rows.push(Row {
                scale,
                floor: floor_of(context, manifest),
                context_length: context.len(),
                horizon: request.horizon().steps(),
            });
        }
        Self {
            contexts: tensor,
            season_lengths: requests
                .iter()
                .map(|request| season_input(manifest, request.season_length()))
                .collect(),
            horizon: rows.iter().map(|row| row.horizon).max().unwrap_or(0),
            rows,
        }
    }

    /// The contexts, `[row, time]`, most recent value last, `NaN` for missing and for padding.
    #[must_use]
    pub const fn contexts(&self) -> &Array2<f32> {
        &self.contexts
    }

    /// The season length of each row, as the graph wants it.
    #[must_use]
    pub const fn season_lengths(&self) -> &Array1<i64> {
        &self.season_lengths
    }

    /// The longest horizon of the batch.
    #[must_use]
    pub const fn horizon(&self) -> usize {
        self.horizon
    }

    /// The number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Runs `forecaster` on this batch.
    ///
    /// # Errors
    /// The forecaster's, and [`PredictError::Shape`] when its answer is not one of this batch.
    pub fn run(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Array3<f32>, PredictError> {
        let output = forecaster.predict(self)?;
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
            let values = cells
                .iter()
                .map(|value| f64::from(*value) * row.scale)
                .collect();
            let grid =
                QuantileGrid::new(manifest.levels().clone(), values).ok_or(RowError::NotFinite)?;
            Ok(match row.floor {
                Some(floor) => grid.clipped_below(floor),
                None => grid,
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
                forecast.season_length = request.season_length();
                forecast.context_length = row.context_length;
                forecast
                    .warnings
                    .splice(0..0, warnings_of(manifest, request, row));
                Ok(forecast)
            })
            .collect()
    }
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
    warnings
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

fn scale_of(context: &[f64], scaling: Scaling) -> f64 {
    match scaling {
        Scaling::None => 1.0,
        Scaling::MeanAbs => power_of_two_near(mean_absolute(context)),
    }
}

/// The mean absolute value of the observed values, 0 when there is none.
fn mean_absolute(context: &[f64]) -> f64 {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let count = observed().count() as f64;
    // Divided before it is summed, so that values near the largest float do not overflow.
    observed().map(|value| value.abs() / count).sum()
}

/// The power of two nearest `magnitude` on the logarithmic scale, 1 for 0.
fn power_of_two_near(magnitude: f64) -> f64 {
    if magnitude > 0.0 {
        // Kept among the normal numbers, where dividing by it and multiplying with it are exact.
        magnitude.log2().round().clamp(-1_021.0, 1_021.0).exp2()
    } else {
        1.0
    }
}

fn floor_of(context: &[f64], manifest: &Manifest) -> Option<f64> {
    let negative = context.iter().any(|value| *value < 0.0);
    (manifest.postprocess.non_negative && !negative).then_some(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "the graph computes in f32")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
