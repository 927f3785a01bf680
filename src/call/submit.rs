//! One submission to the engine of a model, counted.

use almanac_engine::registry::LiveModel;
use almanac_engine::{Outcomes, Terms, Timing};
use almanac_forecast::ForecastRequest;

use crate::call::CallError;

/// Forecasts `requests` with `model`, and counts the outcome.
pub(super) async fn forecast(
    model: &LiveModel,
    requests: Vec<ForecastRequest>,
    terms: Terms,
) -> Result<(Outcomes, Timing), CallError> {
    let answer = model.engine.submit(requests, terms)?.outcomes().await;
    model.answered(&answer);
    Ok(answer?)
}
