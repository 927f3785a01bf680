//! `POST /forecast` and `GET /forecast`, with the embedded models unless a test needs another.

mod calendar;
mod calibrated;
mod cli;
mod covariates;
mod csv;
mod edges;
mod isolation;
mod json;
mod lines;
mod numbers;

use serde_json::{Value, json};

/// Monthly airline passengers of 1949 (Box and Jenkins 1976, series G).
const PASSENGERS: [u32; 12] = [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118];

/// Adds a horizon to `series`, which is an object with `values`.
fn with_horizon(mut series: Value, horizon: u64) -> Value {
    series["horizon"] = json!(horizon);
    series
}

/// Returns a rising series of twenty days, with a dip on every seventh.
fn daily_values() -> Vec<f64> {
    (0..20)
        .map(|day| 100.0 + f64::from(day) - if day % 7 == 6 { 30.0 } else { 0.0 })
        .collect()
}
