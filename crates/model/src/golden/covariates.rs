//! The covariates of the cases in `golden.json`, and those of the synthetic series.

use std::collections::BTreeMap;

use almanac_forecast::{Covariate, CovariateKind, CovariateValues, StaticValue};
use serde::Deserialize;

use crate::Manifest;
use crate::golden::error::GoldenCaseError;

/// The covariates of a case, in the form of a forecast request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CovariatesDocument {
    past: BTreeMap<String, Vec<Option<f64>>>,
    future: BTreeMap<String, Vec<Option<f64>>>,
    r#static: BTreeMap<String, serde_json::Value>,
}

impl CovariatesDocument {
    /// Returns the covariates of the case.
    pub(super) fn parse(&self) -> Result<Vec<Covariate>, GoldenCaseError> {
        let mut covariates = Vec::new();
        for (name, values) in &self.past {
            covariates.push(covariate(name, CovariateValues::Past(floats(values))));
        }
        for (name, values) in &self.future {
            covariates.push(covariate(name, CovariateValues::Future(floats(values))));
        }
        for (name, value) in &self.r#static {
            let value = static_value(value).ok_or_else(|| GoldenCaseError::StaticCovariate {
                name: name.clone(),
                value: value.clone(),
            })?;
            covariates.push(covariate(name, CovariateValues::Static(value)));
        }
        Ok(covariates)
    }
}

/// Creates the covariates that `manifest` requires for the `steps` steps after a series of `length`
/// values.
pub(super) fn synthetic_covariates(
    manifest: &Manifest,
    length: usize,
    steps: usize,
) -> Vec<Covariate> {
    manifest
        .covariates
        .iter()
        .enumerate()
        .map(|(role_idx, role)| {
            let wave = |step: usize| ((step * (role_idx + 2)) % 5) as f64;
            let values = match (role.kind, &role.categories) {
                (CovariateKind::Static, Some(categories)) => CovariateValues::Static(
                    StaticValue::Category(categories.first().cloned().unwrap_or_default()),
                ),
                (CovariateKind::Static, None) => CovariateValues::Static(StaticValue::Number(1.0)),
                // Known for all steps, so that a roll-out has them too.
                (CovariateKind::Past | CovariateKind::Future, _) => {
                    CovariateValues::Future((0..length + steps).map(wave).collect())
                }
            };
            covariate(&role.name, values)
        })
        .collect()
}

fn covariate(name: &str, values: CovariateValues) -> Covariate {
    Covariate {
        name: name.to_owned(),
        values,
    }
}

fn static_value(value: &serde_json::Value) -> Option<StaticValue> {
    match value {
        serde_json::Value::String(text) => Some(StaticValue::Category(text.clone())),
        other => other.as_f64().map(StaticValue::Number),
    }
}

fn floats(values: &[Option<f64>]) -> Vec<f64> {
    values
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}
