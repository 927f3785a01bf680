//! The manifest of a model: the roles of the inputs and outputs of its graph, from `manifest.toml`.
//!
//! Parsing is strict: an unknown key, an unknown value or a missing role is an error, never a guess. The keys are
//! documented in `models/README.md`.

mod check;
mod context;
mod covariate;
mod feature;
mod horizon;
mod input;
mod output;
mod state;
mod unfit;

use std::collections::BTreeMap;

use almanac_forecast::{Covariate, CovariateKind, ForecastRequest, QuantileLevels};
use serde::Deserialize;
use thiserror::Error;

use crate::Digest;

pub use context::{
    ContextAxis, ContextCovariates, ContextRole, FloatType, Missing, PadSide, PadValue, Scaling,
};
pub use covariate::CovariateRole;
pub use feature::{CalendarPart, Feature, FeatureError, Statistic};
pub use horizon::{HorizonRole, IntegerType, NumberType, Rollout, SeasonLengthRole};
pub use input::{ElementType, Fill, FillError, InputAxis, InputAxisError, InputRole};
pub use output::{Family, OutputAxis, OutputKind, OutputRole, Parameter, Postprocess};
pub use state::StateRole;
pub use unfit::{CovariateFitError, Unfit};

/// The valid manifest of one model version.
///
/// ```
/// use almanac_model::Manifest;
///
/// let text = r#"
/// format = 1
/// name = "daily"
/// version = "1"
/// description = "A week ahead, from daily values"
/// licence = "MIT"
///
/// [files]
///
/// [context]
/// input = "x"
/// axes = ["batch", "time"]
/// type = "float32"
/// min_length = 1
/// max_length = 365
/// missing = "nan"
/// scaling = "mean_abs"
///
/// [horizon]
/// native = 7
/// longest = 7
///
/// [output]
/// name = "y"
/// axes = ["batch", "quantile", "time"]
/// type = "float32"
/// levels = [0.1, 0.5, 0.9]
/// "#;
/// let manifest = Manifest::parse(text)?;
/// assert_eq!(manifest.horizon.longest, 7);
/// assert_eq!(manifest.median(), 1);
///
/// let error = Manifest::parse(&text.replace("longest = 7", "longest = 30")).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "manifest.toml: horizon.longest is 30; use a number from 1 to horizon.native, which is 7, or set horizon.rollout"
/// );
/// # Ok::<(), almanac_model::ManifestError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The name of the model in requests.
    pub name: String,
    /// The version of the model.
    pub version: String,
    /// The description of the model, in one line.
    pub description: String,
    /// The SPDX identifier of the licence of the weights.
    pub licence: String,
    /// The number of rows of a run, if it is fixed.
    pub batch_size: Option<usize>,
    /// If true, the graph is already optimized, and is not optimized again when it is opened.
    pub optimized: bool,
    /// The digest of every other file of the bundle, by file name.
    pub files: BTreeMap<String, Digest>,
    /// The input that takes the history.
    pub context: ContextRole,
    /// The input that takes the season length, if the graph has one.
    pub season_length: Option<SeasonLengthRole>,
    /// The number of steps ahead.
    pub horizon: HorizonRole,
    /// The covariates that the model requires.
    pub covariates: Vec<CovariateRole>,
    /// The further inputs of the graph.
    pub inputs: Vec<InputRole>,
    /// The states that the graph carries from one run to the next.
    pub states: Vec<StateRole>,
    /// The output that gives the forecast.
    pub output: OutputRole,
    /// The operations on the forecast after the graph.
    pub postprocess: Postprocess,
    levels: QuantileLevels,
}

/// The error returned when a text is not a valid manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The text is not TOML, or not of this schema.
    #[error("manifest.toml: {}", one_line(&.0.to_string()))]
    Schema(toml::de::Error),
    /// The format is not supported.
    #[error("manifest.toml: format {0} is not supported; use format 1")]
    Format(u32),
    /// A value is of the schema and breaks a rule.
    #[error("manifest.toml: {key} is {value}; {rule}")]
    Value {
        /// The key, with the name of its table if there are several.
        key: String,
        /// The value, as TOML.
        value: String,
        /// The accepted values.
        rule: String,
    },
}

/// The content of the file, before its values are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestDocument {
    format: u32,
    name: String,
    version: String,
    description: String,
    licence: String,
    batch_size: Option<usize>,
    #[serde(default)]
    optimized: bool,
    files: BTreeMap<String, Digest>,
    context: ContextRole,
    season_length: Option<SeasonLengthRole>,
    horizon: HorizonRole,
    #[serde(default)]
    covariates: Vec<CovariateRole>,
    #[serde(default)]
    inputs: Vec<InputRole>,
    #[serde(default)]
    states: Vec<StateRole>,
    output: OutputRole,
    #[serde(default)]
    postprocess: Postprocess,
}

impl Manifest {
    /// Parses the manifest in `text`.
    ///
    /// # Errors
    /// [`ManifestError`] names the key, the value and the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let document: ManifestDocument = toml::from_str(text).map_err(ManifestError::Schema)?;
        if document.format != 1 {
            return Err(ManifestError::Format(document.format));
        }
        document.check()
    }

    /// Returns the quantile levels of the forecast in ascending order, including the median.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Returns the index of the median among the levels.
    #[must_use]
    pub fn median(&self) -> usize {
        self.levels
            .as_slice()
            .partition_point(|level| level.value() < 0.5)
    }

    /// Returns true if the graph distinguishes padding from values, so that rows of any length can form one batch.
    #[must_use]
    pub fn distinguishes_padding(&self) -> bool {
        let is_nan =
            self.context.padding() == PadValue::Nan && self.context.missing == Missing::Nan;
        is_nan
            || self
                .inputs
                .iter()
                .any(|input| input.fill.distinguishes_padding())
    }

    /// Returns true if the graph takes the values of the series themselves.
    ///
    /// The values are then only cut, padded with `NaN` on the left and divided by one number, which needs no work per
    /// row.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let context = &self.context;
        context.features.is_empty()
            && context.r#type == FloatType::Float32
            && (context.missing, context.padding()) == (Missing::Nan, PadValue::Nan)
            && (context.pad, context.multiple) == (PadSide::Left, 1)
            && matches!(context.scaling, Scaling::None | Scaling::MeanAbs)
            && context.differences.is_empty()
            && !(context.fixed_length || context.strip_leading || self.postprocess.flip)
            && self.batch_size.is_none()
            && self.covariates.is_empty()
            && self.states.is_empty()
            && context.covariates == ContextCovariates::None
            && self
                .inputs
                .iter()
                .all(|input| matches!(input.fill, Fill::Constant(_) | Fill::Row | Fill::Horizon))
    }

    /// Returns the cost of `request`: the number of values that the model reads, covariates included, and the number of
    /// steps that it forecasts.
    ///
    /// A roll-out reads the context again in each of its runs.
    #[must_use]
    pub fn cost(&self, request: &ForecastRequest) -> (usize, usize) {
        let steps = request.horizon().steps();
        let length = request.series().values().len();
        let later_runs = self.horizon.blocks(steps).saturating_sub(1);
        let repeated_reads = match self.horizon.rollout {
            Rollout::None => 0,
            // The state contains what earlier runs have read.
            Rollout::Median if !self.states.is_empty() => 0,
            Rollout::Median | Rollout::Nan => later_runs,
            Rollout::Quantiles => later_runs.saturating_mul(self.levels.as_slice().len()),
        };
        let values_per_read = if self.context.features.is_empty() {
            let columns = 1 + self.covariate_columns(request);
            length
                .min(self.context.max_context_length())
                .saturating_mul(columns)
        } else if self.context.is_direct() {
            self.context.features.len() * self.horizon.native.min(steps)
        } else {
            self.context.features.len()
        };
        let signs = if self.postprocess.flip { 2 } else { 1 };
        let reads = (repeated_reads + 1) * signs;
        (values_per_read.saturating_mul(reads), steps)
    }

    /// Returns the number of covariates that the graph reads at each step of the history.
    fn covariate_columns(&self, request: &ForecastRequest) -> usize {
        let is_temporal = |kind: CovariateKind| kind != CovariateKind::Static;
        match self.context.covariates {
            ContextCovariates::Rows => request
                .covariates()
                .iter()
                .filter(|covariate| is_temporal(covariate.values.kind()))
                .count(),
            ContextCovariates::None => self
                .covariates
                .iter()
                .filter(|role| is_temporal(role.kind))
                .count(),
        }
    }

    /// Returns the covariates of `request` that the model does not use.
    pub(super) fn ignored<'a>(
        &self,
        request: &'a ForecastRequest,
    ) -> impl Iterator<Item = &'a Covariate> {
        request.covariates().iter().filter(|covariate| {
            let is_row = self.context.covariates == ContextCovariates::Rows
                && covariate.values.kind() != CovariateKind::Static;
            !is_row
                && self
                    .covariates
                    .iter()
                    .all(|role| role.name != covariate.name)
        })
    }
}

/// Removes the excerpt of the source from a message of the parser, which spans several lines.
fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains('|'))
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
pub(crate) mod tests;
