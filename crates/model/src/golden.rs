//! The forecasts that a bundle says its graph gives.
//!
//! They are run before a version becomes ready. A damaged graph, a wrong manifest, or a runtime or
//! processor that computes something else shows here and not in a client's answer.

mod covariates;

use serde::Deserialize;
use thiserror::Error;

use covariates::{CovariatesDocument, made_up};

use crate::{Batch, Forecaster, Manifest, PredictError};
use almanac_forecast::{
    Calendar, Covariates, ForecastRequest, Frequency, Horizon, QuantileGrid, QuantileLevels,
    SeasonChoice, Series, Stamp,
};

/// The content of `golden.json`: requests, the quantiles expected, and how near they must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    tolerance: Tolerance,
    cases: Vec<Case>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tolerance {
    /// Of the largest absolute expected value of the case.
    relative: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    values: Vec<Option<f64>>,
    season_length: usize,
    /// Where the first value lies, for models that look at dates.
    start: Option<String>,
    /// The step of the calendar, with `start`.
    frequency: Option<String>,
    /// What is known beside the values.
    #[serde(default)]
    covariates: CovariatesDocument,
    horizon: u64,
    quantiles: Vec<Vec<f64>>,
}

/// The loosest tolerance: further than this from the values expected, a graph is another.
const LOOSEST: f64 = 0.1;

/// Why a graph is not the one its bundle describes.
#[derive(Debug, Error)]
pub enum GoldenError {
    /// Not JSON, or not this schema.
    #[error("golden.json: {0}")]
    Schema(#[from] serde_json::Error),
    /// A tolerance that no forecast or every forecast is within.
    #[error("golden.json: tolerance.relative is {relative}; it lies between 0 and {LOOSEST}")]
    Tolerance {
        /// The tolerance.
        relative: f64,
    },
    /// There is nothing to compare with.
    #[error("golden.json holds no case, and a model is not served unchecked")]
    NoCases,
    /// A case that is not a valid request, or whose quantiles have another shape.
    #[error("golden.json: case {case:?}: {reason}")]
    Case {
        /// Its name.
        case: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The graph could not be run.
    #[error("golden forecast {case:?}: {source}")]
    Predict {
        /// Name of the case.
        case: String,
        /// The failure.
        source: PredictError,
    },
    /// The graph gives other values.
    #[error(
        "golden forecast {case:?}: at level {level}, step {step}, the model gives {actual} where {expected} is expected, further than {tolerance:e} apart"
    )]
    Differs {
        /// Name of the case.
        case: String,
        /// Quantile level.
        level: f64,
        /// Step ahead, from 1.
        step: usize,
        /// What the model gives.
        actual: f64,
        /// What the bundle says.
        expected: f64,
        /// The largest difference allowed, in the case's own units.
        tolerance: f64,
    },
}

impl Golden {
    /// The golden forecasts that `json` holds.
    ///
    /// # Errors
    /// [`GoldenError::Schema`], [`GoldenError::Tolerance`] and [`GoldenError::NoCases`].
    pub fn parse(json: &[u8]) -> Result<Self, GoldenError> {
        let golden: Self = serde_json::from_slice(json)?;
        let relative = golden.tolerance.relative;
        if !(0.0..=LOOSEST).contains(&relative) {
            return Err(GoldenError::Tolerance { relative });
        }
        if golden.cases.is_empty() {
            Err(GoldenError::NoCases)
        } else {
            Ok(golden)
        }
    }

    /// Runs every case through `forecaster`, which thereby is warm.
    ///
    /// # Errors
    /// [`GoldenError`] of the first case that differs or fails.
    pub fn check(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<(), GoldenError> {
        self.cases
            .iter()
            .try_for_each(|case| case.check(manifest, forecaster, self.tolerance))
    }
}

/// Forecasts a made-up series, for a model that brings no golden forecasts: it must run and give
/// finite numbers.
pub(super) fn try_out(
    manifest: &Manifest,
    forecaster: &mut dyn Forecaster,
) -> Result<(), GoldenError> {
    let failed = |reason: String| GoldenError::Case {
        case: "made up".to_owned(),
        reason,
    };
    let length = manifest
        .context
        .max_length
        .min(64)
        .max(manifest.context.least());
    let values = (0..length).map(|step| 100.0 + (step % 7) as f64 + 0.1 * step as f64);
    let series = Series::new(values.collect(), None, usize::MAX);
    let series = series.map_err(|error| failed(error.to_string()))?;
    // A roll-out that goes on once goes on for ever.
    let most = manifest.horizon.native.saturating_mul(2);
    let steps = manifest.horizon.longest.min(most);
    let horizon = Horizon::new(steps as u64, steps).map_err(|error| failed(error.to_string()))?;
    let list = made_up(manifest, (length, steps));
    let covariates = Covariates::new(list, length, steps, usize::MAX)
        .map_err(|error| failed(error.to_string()))?;
    let levels = QuantileLevels::with_median([]);
    let request = ForecastRequest::new(series, horizon, levels, SeasonChoice::Given(7))
        .with_covariates(covariates);
    let batch = Batch::pack(manifest, &[&request]);
    let predict = |source| GoldenError::Predict {
        case: "made up".to_owned(),
        source,
    };
    let output = batch.run(manifest, forecaster).map_err(predict)?;
    for grid in batch.grids(manifest, &output) {
        grid.map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

impl Case {
    fn check(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
        tolerance: Tolerance,
    ) -> Result<(), GoldenError> {
        let request = self
            .request(manifest)
            .map_err(|reason| self.broken(reason))?;
        let batch = Batch::pack(manifest, &[&request]);
        let output = batch
            .run(manifest, forecaster)
            .map_err(|source| GoldenError::Predict {
                case: self.name.clone(),
                source,
            })?;
        let grid = batch
            .grids(manifest, &output)
            .next()
            .ok_or_else(|| self.broken("the model gave no row".to_owned()))?
            .map_err(|error| self.broken(error.to_string()))?;
        self.compare(manifest, &grid, tolerance)
    }

    fn request(&self, manifest: &Manifest) -> Result<ForecastRequest, String> {
        let steps = usize::try_from(self.horizon).map_err(|error| error.to_string())?;
        let shaped = self.quantiles.len() == manifest.output.levels.len()
            && self.quantiles.iter().all(|row| row.len() == steps);
        if !shaped {
            return Err(
                "quantiles must hold one list per level of the manifest, each of horizon numbers"
                    .to_owned(),
            );
        }
        let values = self
            .values
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect();
        let calendar = self.calendar()?;
        let series =
            Series::new(values, calendar, usize::MAX).map_err(|error| error.to_string())?;
        let horizon = Horizon::new(self.horizon, manifest.horizon.longest)
            .map_err(|error| error.to_string())?;
        let season = SeasonChoice::Given(self.season_length.max(1));
        let list = self.covariates.read()?;
        let covariates = Covariates::new(list, self.values.len(), steps, usize::MAX)
            .map_err(|error| error.to_string())?;
        let levels = QuantileLevels::with_median([]);
        let request = ForecastRequest::new(series, horizon, levels, season);
        Ok(request.with_covariates(covariates))
    }

    fn calendar(&self) -> Result<Option<Calendar>, String> {
        match (&self.start, &self.frequency) {
            (None, None) => Ok(None),
            (Some(start), Some(frequency)) => {
                let start = Stamp::parse(start).map_err(|error| error.to_string())?;
                let frequency = frequency
                    .parse::<Frequency>()
                    .map_err(|error| error.to_string())?;
                let calendar = Calendar::new(start, frequency);
                calendar.map(Some).map_err(|error| error.to_string())
            }
            _ => Err("start and frequency go together".to_owned()),
        }
    }

    fn compare(
        &self,
        manifest: &Manifest,
        actual: &QuantileGrid,
        tolerance: Tolerance,
    ) -> Result<(), GoldenError> {
        let largest = self
            .quantiles
            .iter()
            .flatten()
            .fold(0.0, |most: f64, v| most.max(v.abs()));
        let tolerance = tolerance.relative * largest;
        for (level_idx, (expected, actual)) in self.quantiles.iter().zip(actual.rows()).enumerate()
        {
            for (step_idx, (&expected, &actual)) in expected.iter().zip(actual).enumerate() {
                if (actual - expected).abs() > tolerance {
                    return Err(GoldenError::Differs {
                        case: self.name.clone(),
                        level: manifest.output.levels[level_idx],
                        step: step_idx + 1,
                        actual,
                        expected,
                        tolerance,
                    });
                }
            }
        }
        Ok(())
    }

    fn broken(&self, reason: String) -> GoldenError {
        GoldenError::Case {
            case: self.name.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::manifest;

    /// Gives the same value at every level and step.
    struct Constant(f32);

    impl Forecaster for Constant {
        fn predict(&mut self, batch: &Batch) -> Result<ndarray::Array3<f32>, PredictError> {
            Ok(ndarray::Array3::from_elem(
                (batch.len(), 3, batch.horizon()),
                self.0,
            ))
        }
    }

    /// A case that expects 5 within a hundredth of it, with `change` made to its text.
    fn golden(from: &str, to: &str) -> Result<Golden, GoldenError> {
        let text = r#"{"tolerance": {"relative": 0.01}, "cases": [{"name": "five",
            "values": [4, null, 6], "season_length": 1, "horizon": 2,
            "quantiles": [[5, 5], [5, 5], [5, 5]]}]}"#;
        assert!(text.contains(from), "{from}");
        Golden::parse(text.replace(from, to).as_bytes())
    }

    fn check(golden: &Golden, value: f32) -> Result<(), GoldenError> {
        golden.check(&manifest("scaling = \"none\""), &mut Constant(value))
    }

    #[test]
    fn values_within_the_tolerance_pass_and_others_are_named() {
        let golden = golden("five", "five").unwrap();
        check(&golden, 5.04).unwrap();
        assert_eq!(
            check(&golden, 5.125).unwrap_err().to_string(),
            "golden forecast \"five\": at level 0.1, step 1, the model gives 5.125 where 5 is expected, further than 5e-2 apart"
        );
        assert!(matches!(
            check(&golden, f32::NAN),
            Err(GoldenError::Case { .. })
        ));
    }

    #[test]
    fn a_file_that_checks_nothing_is_refused() {
        assert!(matches!(
            golden("0.01", "-0.01"),
            Err(GoldenError::Tolerance { .. })
        ));
        assert!(matches!(
            golden("0.01", "0.5"),
            Err(GoldenError::Tolerance { .. })
        ));
        assert!(matches!(
            golden("\"name\"", "\"title\""),
            Err(GoldenError::Schema(_))
        ));
        let empty = br#"{"tolerance": {"relative": 0.01}, "cases": []}"#;
        assert!(matches!(Golden::parse(empty), Err(GoldenError::NoCases)));
    }

    #[test]
    fn a_case_that_is_no_request_of_this_model_is_refused() {
        for (from, to) in [
            ("[[5, 5], [5, 5], [5, 5]]", "[[5, 5], [5, 5]]"),
            ("[5, 5], [5, 5], [5, 5]", "[5, 5], [5], [5, 5]"),
            ("[4, null, 6]", "[null]"),
            ("\"horizon\": 2", "\"horizon\": 3"),
        ] {
            let error = check(&golden(from, to).unwrap(), 5.0).unwrap_err();
            assert!(matches!(error, GoldenError::Case { .. }), "{to}: {error}");
        }
    }

    #[test]
    fn a_model_without_golden_forecasts_must_give_numbers() {
        let manifest = manifest("scaling = \"none\"");
        try_out(&manifest, &mut Constant(5.0)).unwrap();
        let error = try_out(&manifest, &mut Constant(f32::NAN)).unwrap_err();
        assert!(matches!(error, GoldenError::Case { .. }), "{error}");
    }
}
