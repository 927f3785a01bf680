//! The query of `/backtest`.

use utoipa::{IntoParams, openapi};

use crate::call::BacktestCall;
use crate::http::native::forecast::query::{self, ForecastQuery};
use crate::http::problem::{Code, Problem};
use crate::http::query::{once, one, unknown};

/// The query parameters of a backtest: those of a forecast, and its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BacktestQuery {
    pub(super) forecast: ForecastQuery,
    pub(super) backtest: BacktestCall,
}

const OWN_NAMES: [&str; 4] = ["windows", "step", "models", "calibrate"];

/// The calibration windows of a forecast: a backtest has its own.
const CALIBRATE_WINDOWS: &str = "calibrate_windows";

impl BacktestQuery {
    /// Parses a query string.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`] names the parameter, its value and the valid values.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut parsed = Self::default();
        let own = &mut parsed.backtest;
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = value.as_ref();
            match name.as_ref() {
                "windows" => once(&mut own.windows, &name, one(&name, value)?)?,
                "step" => once(&mut own.step, &name, one(&name, value)?)?,
                "models" => {
                    let names = value.split(',').map(|name| name.trim().to_owned());
                    once(&mut own.models, &name, names.collect())?;
                }
                "calibrate" => once(&mut own.calibrate, &name, one(&name, value)?)?,
                name => {
                    let is_known =
                        name != CALIBRATE_WINDOWS && parsed.forecast.take(name, value)?;
                    if !is_known {
                        let of_forecast = query::NAMES.into_iter();
                        let of_forecast = of_forecast.filter(|name| *name != CALIBRATE_WINDOWS);
                        let names: Vec<_> = OWN_NAMES.into_iter().chain(of_forecast).collect();
                        return Err(unknown(name, &names));
                    }
                }
            }
        }
        Ok(parsed)
    }

    /// Rejects parameters that belong into a JSON body.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`].
    pub(super) fn only_allow_nan(&self) -> Result<bool, Problem> {
        if self.backtest == BacktestCall::default() {
            return self.forecast.only_allow_nan();
        }
        let detail = "with a JSON body the query may only have allow_nan; send the others as fields of the body";
        Err(Problem::new(Code::InvalidQuery, detail).expected(["allow_nan"]))
    }
}

impl IntoParams for BacktestQuery {
    fn into_params(
        of: impl Fn() -> Option<openapi::path::ParameterIn>,
    ) -> Vec<openapi::path::Parameter> {
        let mut parameters = ForecastQuery::into_params(&of);
        parameters.retain(|parameter| parameter.name != CALIBRATE_WINDOWS);
        parameters.extend(OwnParameters::into_params(of));
        parameters
    }
}

/// The schema of the parameters of a backtest alone.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the schema of the query that `parse` parses")]
struct OwnParameters {
    /// CSV only: the number of windows of each series.
    #[param(minimum = 1, example = 3)]
    windows: Option<u64>,
    /// CSV only: the number of steps between two windows; the horizon when absent.
    #[param(minimum = 1)]
    step: Option<u64>,
    /// CSV only: the names of the models, separated by commas; all that are ready when absent.
    models: Option<String>,
    /// CSV only: if true, the earlier windows calibrate the forecasts of the last ones.
    calibrate: Option<bool>,
}
