//! A forecast call as an edge parsed it, and what it specifies once it is checked.

use almanac_forecast::{
    BacktestLimits, BacktestPlan, BacktestPlanDraft, CentralLevel, DraftField, ForecastLimits,
    ForecastRequest, Horizon, LevelError, QuantileLevel, QuantileLevels, SeriesDraft,
};

use crate::call::error::draft_error;
use crate::call::{CallCode, CallError, FailedSeries};

/// A forecast call, parsed and not yet checked.
#[derive(Clone, Debug, Default)]
pub struct ForecastCall {
    /// The number of steps to forecast.
    pub horizon: Option<u64>,
    /// The quantile levels; 0.1, 0.5 and 0.9 when `None`.
    pub quantiles: Option<Vec<f64>>,
    /// The central levels, in percent.
    pub levels: Vec<f64>,
    /// The name of the model; the default model when `None`.
    pub model: Option<String>,
    /// The number of past windows that calibrate the intervals; no calibration when `None`.
    pub calibrate_windows: Option<u64>,
    /// The series, in the caller's order.
    pub series: Vec<SeriesCall>,
}

/// One series of a call: its description, or the reason why it could not be parsed.
#[derive(Clone, Debug)]
pub struct SeriesCall {
    /// The caller's id.
    pub id: Option<String>,
    /// The description.
    pub draft: Result<SeriesDraft, CallError>,
    /// JSON pointer to the series; empty where the call is the series.
    pub path: String,
    /// The fields that the call gives once for all its series.
    pub shared: Vec<DraftField>,
}

/// The checked parameters of a call: what to compute for every series.
#[derive(Clone, Debug)]
pub struct ForecastSpec {
    /// The number of steps to forecast.
    pub horizon: Horizon,
    /// The quantile levels to report, in the caller's order.
    pub quantiles: Vec<QuantileLevel>,
    /// The central levels to report, in the caller's order.
    pub levels: Vec<CentralLevel>,
    /// Central levels to compute without reporting them, such as those of a plot.
    pub plotted: Vec<CentralLevel>,
    /// The past windows that calibrate the intervals.
    pub calibration: Option<BacktestPlan>,
}

/// The quantiles of a call that names none: the ends of the 80 % interval, and the median.
const DEFAULT_QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

impl ForecastCall {
    /// Checks what the call specifies for all of its series.
    ///
    /// # Errors
    /// The error of the first invalid field.
    pub fn spec(
        &self,
        limits: &ForecastLimits,
        backtest: BacktestLimits,
    ) -> Result<ForecastSpec, CallError> {
        let horizon = self.horizon.ok_or_else(|| {
            let detail = "horizon is required: the number of steps to forecast";
            CallError::new(CallCode::MissingField, detail).at("/horizon")
        })?;
        let horizon = Horizon::new(horizon, limits.horizon)?;
        let quantiles = self.quantiles.as_deref().unwrap_or(&DEFAULT_QUANTILES);
        check_level_count(quantiles.len() + self.levels.len(), limits.levels)?;
        Ok(ForecastSpec {
            horizon,
            quantiles: parse_levels("quantiles", quantiles, QuantileLevel::new)?,
            levels: parse_levels("levels", &self.levels, CentralLevel::new)?,
            plotted: Vec::new(),
            calibration: self.calibration(horizon, limits, backtest)?,
        })
    }

    /// Checks the number of series.
    ///
    /// # Errors
    /// [`CallCode::NoSeries`] and [`CallCode::TooManySeries`].
    pub fn check_series_count(&self, limits: &ForecastLimits) -> Result<(), CallError> {
        if self.series.is_empty() {
            let detail = "there is no series; send values, or series with at least one object";
            return Err(CallError::new(CallCode::NoSeries, detail).at("/series"));
        }
        if self.series.len() > limits.series {
            return Err(too_many_series(self.series.len(), limits.series));
        }
        Ok(())
    }

    /// Returns the past windows that calibrate the intervals, if the call names any.
    fn calibration(
        &self,
        horizon: Horizon,
        limits: &ForecastLimits,
        backtest: BacktestLimits,
    ) -> Result<Option<BacktestPlan>, CallError> {
        let Some(windows) = self.calibrate_windows else {
            return Ok(None);
        };
        let draft = BacktestPlanDraft {
            windows,
            step: None,
            calibrated: false,
        };
        let plan = BacktestPlan::new(horizon, draft, backtest.windows, limits.values)
            .map_err(|error| CallError::from(error).at("/calibrate_windows"))?;
        Ok(Some(plan))
    }
}

impl ForecastSpec {
    /// Returns every quantile level that has to be computed.
    #[must_use]
    pub fn computed_levels(&self) -> QuantileLevels {
        let ends = self
            .levels
            .iter()
            .chain(&self.plotted)
            .flat_map(|level| [level.lower(), level.upper()]);
        let levels = QuantileLevels::with_median(self.quantiles.iter().copied().chain(ends));
        // Calibration moves intervals, so every quantile must be an end of one.
        match self.calibration {
            Some(_) => levels.mirrored(),
            None => levels,
        }
    }

    /// Checks that calibrating `n_series` series does not need more forecasts than allowed.
    ///
    /// # Errors
    /// [`CallCode::BacktestTooLarge`].
    pub(super) fn check_calibration_size(
        &self,
        n_series: usize,
        limits: BacktestLimits,
    ) -> Result<(), CallError> {
        let windows = self.calibration.map_or(0, |plan| plan.windows());
        let forecasts = n_series.saturating_mul(windows);
        if forecasts > limits.forecasts {
            return Err(too_many_forecasts(forecasts, limits.forecasts).at("/calibrate_windows"));
        }
        Ok(())
    }
}

impl SeriesCall {
    /// Converts the description to a request.
    ///
    /// # Errors
    /// The error of the series, located at its field.
    pub(super) fn into_request(
        self,
        horizon: Horizon,
        levels: &QuantileLevels,
        limits: &ForecastLimits,
    ) -> Result<IdentifiedRequest, FailedSeries> {
        let Self {
            id,
            draft,
            path,
            shared,
        } = self;
        let request = draft.and_then(|draft| {
            draft
                .into_request(horizon, levels.clone(), limits)
                .map_err(|error| {
                    let is_shared = shared.contains(&error.field());
                    draft_error(&error, if is_shared { "" } else { &path })
                })
        });
        match request {
            Ok(request) => Ok(IdentifiedRequest { id, path, request }),
            Err(error) => Err(FailedSeries { id, error }),
        }
    }
}

/// A valid request with the caller's id and the path to its series.
#[derive(Debug)]
pub(super) struct IdentifiedRequest {
    pub(super) id: Option<String>,
    pub(super) path: String,
    pub(super) request: ForecastRequest,
}

fn check_level_count(count: usize, limit: usize) -> Result<(), CallError> {
    if count <= limit {
        return Ok(());
    }
    let detail = format!("{count} quantiles and levels exceed the limit of {limit}");
    Err(CallError::new(CallCode::TooManyLevels, detail)
        .at("/quantiles")
        .limit(limit)
        .received(count))
}

/// Parses the levels of `field`, without repetitions and in the caller's order: each becomes a field
/// or a column once.
fn parse_levels<T: PartialEq>(
    field: &str,
    levels: &[f64],
    parse: impl Fn(f64) -> Result<T, LevelError>,
) -> Result<Vec<T>, CallError> {
    let mut unique = Vec::with_capacity(levels.len());
    for (index, &level) in levels.iter().enumerate() {
        let level =
            parse(level).map_err(|error| CallError::from(error).at(format!("/{field}/{index}")))?;
        if !unique.contains(&level) {
            unique.push(level);
        }
    }
    Ok(unique)
}

/// Returns the error of a call with `count` series or more.
pub(crate) fn too_many_series(count: usize, limit: usize) -> CallError {
    let detail = format!("{count} series exceed the limit of {limit}; send them in parts");
    CallError::new(CallCode::TooManySeries, detail)
        .at("/series")
        .limit(limit)
        .received(count)
}

/// Returns the error of windows that need `forecasts` forecasts of their own.
pub(super) fn too_many_forecasts(forecasts: usize, limit: usize) -> CallError {
    let detail = format!(
        "{forecasts} forecasts, one for each series, window and model, exceed the limit of {limit}; send fewer series, windows or models"
    );
    CallError::new(CallCode::BacktestTooLarge, detail)
        .limit(limit)
        .received(forecasts)
}
