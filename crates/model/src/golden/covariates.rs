//! The covariates of a golden forecast, as `golden.json` has them, and those of a made-up one.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Manifest;
use almanac_forecast::{Covariate, CovariateKind, CovariateValues, StaticValue};

/// As a client sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CovariatesDocument {
    past: BTreeMap<String, Vec<Option<f64>>>,
    future: BTreeMap<String, Vec<Option<f64>>>,
    r#static: BTreeMap<String, serde_json::Value>,
}

impl CovariatesDocument {
    /// The covariates of the case.
    pub(super) fn read(&self) -> Result<Vec<Covariate>, String> {
        let covariate = |name: &String, values| Covariate {
            name: name.clone(),
            values,
        };
        let past = self.past.iter();
        let past =
            past.map(|(name, values)| covariate(name, CovariateValues::Past(floats(values))));
        let future = self.future.iter();
        let future =
            future.map(|(name, values)| covariate(name, CovariateValues::Future(floats(values))));
        let mut list: Vec<_> = past.chain(future).collect();
        for (name, value) in &self.r#static {
            let value = match value {
                serde_json::Value::String(text) => StaticValue::Category(text.clone()),
                other => StaticValue::Number(other.as_f64().ok_or_else(|| {
                    format!("static covariate {name:?} is {other}; write a number or a string")
                })?),
            };
            list.push(covariate(name, CovariateValues::Static(value)));
        }
        Ok(list)
    }
}

/// Covariates for `steps` after a series of `length` values, as `manifest` needs them.
pub(super) fn made_up(manifest: &Manifest, (length, steps): (usize, usize)) -> Vec<Covariate> {
    let roles = manifest.covariates.iter().enumerate();
    roles
        .map(|(place, role)| {
            let wave = |step: usize| ((step * (place + 2)) % 5) as f64;
            let values = match (role.kind, &role.categories) {
                (CovariateKind::Static, Some(categories)) => CovariateValues::Static(
                    StaticValue::Category(categories.first().cloned().unwrap_or_default()),
                ),
                (CovariateKind::Static, None) => CovariateValues::Static(StaticValue::Number(1.0)),
                // Known ahead, so that a roll-out has them too.
                (CovariateKind::Past | CovariateKind::Future, _) => {
                    CovariateValues::Future((0..length + steps).map(wave).collect())
                }
            };
            let name = role.name.clone();
            Covariate { name, values }
        })
        .collect()
}

fn floats(values: &[Option<f64>]) -> Vec<f64> {
    let values = values.iter();
    values.map(|value| value.unwrap_or(f64::NAN)).collect()
}
