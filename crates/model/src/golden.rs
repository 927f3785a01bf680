//! The golden forecasts of a bundle: requests with the quantiles that its graph must reproduce.
//!
//! They run before a version becomes ready, so that a damaged graph, a wrong manifest, or a runtime or
//! processor that computes other values is detected before a client receives a forecast.

mod covariates;
mod error;

use almanac_forecast::{
    Calendar, Covariates, ForecastRequest, Frequency, Horizon, QuantileGrid, QuantileLevels,
    SeasonChoice, Series, Stamp,
};
use serde::Deserialize;

use crate::{Batch, Forecaster, Manifest};

use covariates::{CovariatesDocument, synthetic_covariates};
pub use error::{GoldenCaseError, GoldenError};

/// The content of `golden.json`: requests, the expected quantiles, and the tolerance of the comparison.
///
/// ```
/// use almanac_model::Golden;
///
/// let golden = Golden::parse(
///     br#"{
///         "tolerance": {"relative": 1e-4},
///         "cases": [{
///             "name": "constant",
///             "values": [5, null, 5],
///             "season_length": 1,
///             "horizon": 2,
///             "quantiles": [[4.5, 4.2], [5, 5], [5.5, 5.8]]
///         }]
///     }"#,
/// );
/// assert!(golden.is_ok());
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    tolerance: Tolerance,
    cases: Vec<GoldenCase>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tolerance {
    /// The tolerance as a fraction of the largest absolute expected value of the case.
    relative: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenCase {
    name: String,
    values: Vec<Option<f64>>,
    season_length: usize,
    /// The timestamp of the first value, for models that use dates.
    start: Option<String>,
    /// The frequency of the calendar, together with `start`.
    frequency: Option<String>,
    #[serde(default)]
    covariates: CovariatesDocument,
    horizon: u64,
    quantiles: Vec<Vec<f64>>,
}

/// The largest relative tolerance. A graph whose values differ by more is not the graph of the bundle.
const MAX_TOLERANCE: f64 = 0.1;

/// The name of the case in errors about the synthetic series.
const SYNTHETIC: &str = "synthetic";

impl Golden {
    /// Parses the content of `golden.json`.
    ///
    /// # Errors
    /// Returns [`GoldenError::Schema`], [`GoldenError::Tolerance`] or [`GoldenError::NoCases`].
    pub fn parse(json: &[u8]) -> Result<Self, GoldenError> {
        let golden: Self = serde_json::from_slice(json)?;
        let relative = golden.tolerance.relative;
        if !(0.0..=MAX_TOLERANCE).contains(&relative) {
            return Err(GoldenError::Tolerance {
                relative,
                max: MAX_TOLERANCE,
            });
        }
        if golden.cases.is_empty() {
            Err(GoldenError::NoCases)
        } else {
            Ok(golden)
        }
    }

    /// Runs every case through `forecaster`, which also warms it up.
    ///
    /// # Errors
    /// Returns the [`GoldenError`] of the first case that fails or differs.
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

/// Forecasts a synthetic series, for a model without golden forecasts: the graph must run and return
/// finite values.
pub(super) fn check_synthetic(
    manifest: &Manifest,
    forecaster: &mut dyn Forecaster,
) -> Result<(), GoldenError> {
    let case_error = |source| GoldenError::Case {
        case: SYNTHETIC.to_owned(),
        source,
    };
    let request = synthetic_request(manifest).map_err(case_error)?;
    let batch = Batch::pack(manifest, &[&request]);
    let output = batch
        .run(manifest, forecaster)
        .map_err(|source| GoldenError::Predict {
            case: SYNTHETIC.to_owned(),
            source,
        })?;
    batch
        .grids(manifest, &output)
        .try_for_each(|grid| grid.map(|_| ()))
        .map_err(|error| case_error(error.into()))
}

/// Creates the request of a synthetic series that `manifest` accepts.
fn synthetic_request(manifest: &Manifest) -> Result<ForecastRequest, GoldenCaseError> {
    let context = &manifest.context;
    let length = context.max_length.min(64).max(context.min_context_length());
    let values = (0..length)
        .map(|step| 100.0 + (step % 7) as f64 + 0.1 * step as f64)
        .collect();
    // Two runs: a roll-out that continues once continues for any number of runs.
    let steps = manifest
        .horizon
        .longest
        .min(manifest.horizon.native.saturating_mul(2));
    let list = synthetic_covariates(manifest, length, steps);
    Ok(ForecastRequest::new(
        Series::new(values, None, usize::MAX)?,
        Horizon::new(steps as u64, steps)?,
        QuantileLevels::with_median([]),
        SeasonChoice::Given(7),
    )
    .with_covariates(Covariates::new(list, length, steps, usize::MAX)?))
}

impl GoldenCase {
    fn check(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
        tolerance: Tolerance,
    ) -> Result<(), GoldenError> {
        let request = self
            .request(manifest)
            .map_err(|source| self.error(source))?;
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
            .ok_or_else(|| self.error(GoldenCaseError::NoRow))?
            .map_err(|error| self.error(error.into()))?;
        self.compare(manifest, &grid, tolerance)
    }

    fn request(&self, manifest: &Manifest) -> Result<ForecastRequest, GoldenCaseError> {
        let horizon = Horizon::new(self.horizon, manifest.horizon.longest)?;
        let has_expected_shape = self.quantiles.len() == manifest.output.levels.len()
            && self
                .quantiles
                .iter()
                .all(|row| row.len() == horizon.steps());
        if !has_expected_shape {
            return Err(GoldenCaseError::QuantilesShape);
        }
        let values = self
            .values
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect();
        let series = Series::new(values, self.calendar()?, usize::MAX)?;
        let covariates = Covariates::new(
            self.covariates.parse()?,
            self.values.len(),
            horizon.steps(),
            usize::MAX,
        )?;
        Ok(ForecastRequest::new(
            series,
            horizon,
            QuantileLevels::with_median([]),
            SeasonChoice::Given(self.season_length.max(1)),
        )
        .with_covariates(covariates))
    }

    fn calendar(&self) -> Result<Option<Calendar>, GoldenCaseError> {
        match (&self.start, &self.frequency) {
            (None, None) => Ok(None),
            (Some(start), Some(frequency)) => {
                let start = Stamp::parse(start)?;
                let frequency: Frequency = frequency.parse()?;
                Ok(Some(Calendar::new(start, frequency)?))
            }
            _ => Err(GoldenCaseError::IncompleteCalendar),
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
            .fold(0.0, |max: f64, value| max.max(value.abs()));
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

    fn error(&self, source: GoldenCaseError) -> GoldenError {
        GoldenError::Case {
            case: self.name.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PredictError;
    use crate::manifest::tests::manifest;

    /// A graph that returns the same value at every level and step.
    struct Constant(f32);

    impl Forecaster for Constant {
        fn predict(&mut self, batch: &Batch) -> Result<ndarray::Array3<f32>, PredictError> {
            Ok(ndarray::Array3::from_elem(
                (batch.len(), 3, batch.horizon()),
                self.0,
            ))
        }
    }

    /// Parses a case that expects 5 within one percent, with `from` replaced by `to` in its text.
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
    fn values_within_the_tolerance_pass_and_others_are_reported() {
        let golden = golden("five", "five").unwrap();
        check(&golden, 5.04).unwrap();
        assert_eq!(
            check(&golden, 5.125).unwrap_err().to_string(),
            "golden forecast \"five\": at level 0.1, step 1, the model returned 5.125, expected 5 within 5e-2"
        );
        assert!(matches!(
            check(&golden, f32::NAN),
            Err(GoldenError::Case { .. })
        ));
    }

    #[test]
    fn rejects_a_file_that_checks_nothing() {
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
    fn rejects_a_case_that_is_not_a_request_for_the_model() {
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
    fn a_model_without_golden_forecasts_must_return_finite_values() {
        let manifest = manifest("scaling = \"none\"");
        check_synthetic(&manifest, &mut Constant(5.0)).unwrap();
        let error = check_synthetic(&manifest, &mut Constant(f32::NAN)).unwrap_err();
        assert!(matches!(error, GoldenError::Case { .. }), "{error}");
    }
}
