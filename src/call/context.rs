//! The models and the limits that calls run against.

use std::sync::Arc;

use almanac_engine::Terms;
use almanac_engine::registry::{Draw, Registry};
use almanac_forecast::{BacktestLimits, ForecastLimits};

use crate::call::{CallError, ForecastCall, PreparedForecast};

/// The models and the limits that calls run against; cheap to clone.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The live models.
    pub registry: Arc<Registry>,
    /// The limits of one call.
    pub limits: ForecastLimits,
    /// The additional limits of backtests and of calibration.
    pub backtest: BacktestLimits,
}

impl CallContext {
    /// Rejects a call on `terms`, before its body is read, when the model named `model` (the default
    /// when `None`) would not admit it. `is_large` means that it will fill more than one batch.
    ///
    /// # Errors
    /// [`CallCode::Overloaded`](crate::call::CallCode::Overloaded), or
    /// [`ShuttingDown`](crate::call::CallCode::ShuttingDown) when the model is being unloaded.
    pub fn admit(
        &self,
        model: Option<&str>,
        terms: Terms,
        is_large: bool,
    ) -> Result<(), CallError> {
        Ok(self.registry.admits(model, terms, is_large)?)
    }

    /// Rejects a call whose model is not known yet when no model would admit it.
    ///
    /// # Errors
    /// As [`CallContext::admit`].
    pub fn admit_any(&self, terms: Terms, is_large: bool) -> Result<(), CallError> {
        Ok(self.registry.any_admits(terms, is_large)?)
    }

    /// Checks `call` and finds its model; `draw` chooses between the versions of a canary.
    ///
    /// # Errors
    /// The error of the call as a whole. A series that is invalid fails alone.
    pub fn prepare(
        &self,
        call: ForecastCall,
        draw: Draw<'_>,
    ) -> Result<PreparedForecast, CallError> {
        call.check_series_count(&self.limits)?;
        let spec = call.spec(&self.limits, self.backtest)?;
        spec.check_calibration_size(call.series.len(), self.backtest)?;
        let routed = self
            .registry
            .route(call.model.as_deref(), draw)
            .map_err(|error| CallError::from(error).at("/model"))?;
        Ok(PreparedForecast::new(
            routed,
            spec,
            call.series,
            &self.limits,
        ))
    }
}
