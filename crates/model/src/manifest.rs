//! What a graph wants and gives, as its `manifest.toml` says.
//!
//! Strict: an unknown key, an unknown value or a missing role is an error, never a guess. The keys
//! are documented in `models/README.md`.

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

use serde::Deserialize;
use thiserror::Error;

use crate::Digest;
use almanac_forecast::{Covariate, CovariateKind, ForecastRequest, QuantileLevels};

pub use context::{ContextAxis, ContextRole, FloatType, Missing, PadSide, PadValue, Scaling};
pub use covariate::{ContextCovariates, CovariateRole};
pub use feature::{CalendarPart, Feature, Statistic};
pub use horizon::{HorizonRole, IntegerType, NumberType, Rollout, SeasonLengthRole};
pub use input::{ElementType, Fill, InputAxis, InputRole};
pub use output::{Family, OutputAxis, OutputKind, OutputRole, Parameter, Postprocess};
pub use state::StateRole;
pub use unfit::{CovariateUnfit, Unfit};

/// The manifest of one model version, checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name of the model, as clients ask for it.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// SPDX identifier of the weights' licence.
    pub licence: String,
    /// How many rows one run of the graph takes, when it is not any number.
    pub batch_size: Option<usize>,
    /// Whether the graph is as fast as it gets, so that nothing is gained by optimising it when it is
    /// opened.
    pub optimized: bool,
    /// Digest of every other file of the bundle, by file name.
    pub files: BTreeMap<String, Digest>,
    /// The tensor that carries the history.
    pub context: ContextRole,
    /// The tensor that carries the season length, when the graph takes one.
    pub season_length: Option<SeasonLengthRole>,
    /// How many steps the graph gives.
    pub horizon: HorizonRole,
    /// What the model must be told beside the history.
    pub covariates: Vec<CovariateRole>,
    /// Every further input of the graph.
    pub inputs: Vec<InputRole>,
    /// What the graph carries from one run to the next.
    pub states: Vec<StateRole>,
    /// The tensor that carries the forecast.
    pub output: OutputRole,
    /// What is done to the forecast after the graph.
    pub postprocess: Postprocess,
    levels: QuantileLevels,
}

/// Why a text is not a manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Not TOML, or not this schema.
    #[error("manifest.toml: {0}")]
    Schema(String),
    /// A format that this version does not read.
    #[error("manifest.toml: format is {0}, and this version reads format 1")]
    Format(u32),
    /// A value that the schema allows and the meaning does not.
    #[error("manifest.toml: {key} is {value}; {rule}")]
    Value {
        /// Dotted path of the key.
        key: &'static str,
        /// The value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}

/// The file as it is written, before its meaning is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
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
    /// The manifest that `text` is.
    ///
    /// # Errors
    /// [`ManifestError`] names the key, the value and the rule it breaks.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let document: Document = toml::from_str(text)
            .map_err(|error| ManifestError::Schema(one_line(&error.to_string())))?;
        if document.format != 1 {
            return Err(ManifestError::Format(document.format));
        }
        document.check()
    }

    /// The levels of the forecast, ascending, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Where the median stands among the levels.
    #[must_use]
    pub fn median(&self) -> usize {
        let own = self.levels.as_slice();
        own.partition_point(|level| level.value() < 0.5)
    }

    /// Whether the graph can tell padding from values, so that a row may be padded to the length of its
    /// neighbours.
    #[must_use]
    pub fn tells_padding(&self) -> bool {
        let is_nan =
            self.context.padding() == PadValue::Nan && self.context.missing == Missing::Nan;
        is_nan || self.inputs.iter().any(|input| input.fill.tells_padding())
    }

    /// Whether the graph takes the values of the series themselves, cut, padded with `NaN` on the left
    /// and divided by one number: the form that needs no work row by row.
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

    /// What `request` costs: the values that the model reads of its series and of its covariates, and the
    /// steps that it gives. A roll-out reads the context again for each of its runs.
    #[must_use]
    pub fn cost(&self, request: &ForecastRequest) -> (usize, usize) {
        let steps = request.horizon().steps();
        let length = request.series().values().len();
        let later = self.horizon.blocks(steps).saturating_sub(1);
        let copies = match self.horizon.rollout {
            Rollout::None => 0,
            // A state has read what came before.
            Rollout::Median if !self.states.is_empty() => 0,
            Rollout::Median | Rollout::Nan => later,
            Rollout::Quantiles => later.saturating_mul(self.levels.as_slice().len()),
        };
        let read = if self.context.features.is_empty() {
            let columns = 1 + self.covariate_columns(request);
            length.min(self.context.reach()).saturating_mul(columns)
        } else if self.context.is_direct() {
            self.context.features.len() * self.horizon.native.min(steps)
        } else {
            self.context.features.len()
        };
        let runs = copies + 1;
        let flipped = if self.postprocess.flip { 2 } else { 1 };
        (read.saturating_mul(runs * flipped), steps)
    }
}

impl Manifest {
    /// How many covariates the graph reads beside each step of the history.
    fn covariate_columns(&self, request: &ForecastRequest) -> usize {
        let is_temporal = |kind: CovariateKind| kind != CovariateKind::Static;
        match self.context.covariates {
            ContextCovariates::Rows => {
                let kinds = request.covariates().iter().map(|one| one.values.kind());
                kinds.filter(|kind| is_temporal(*kind)).count()
            }
            ContextCovariates::None => {
                let kinds = self.covariates.iter().map(|role| role.kind);
                kinds.filter(|kind| is_temporal(*kind)).count()
            }
        }
    }

    /// The covariates of `request` that the model does not take.
    pub(super) fn ignored<'a>(
        &self,
        request: &'a ForecastRequest,
    ) -> impl Iterator<Item = &'a Covariate> {
        request.covariates().iter().filter(|given| {
            let is_row = self.context.covariates == ContextCovariates::Rows
                && given.values.kind() != CovariateKind::Static;
            !is_row && self.covariates.iter().all(|role| role.name != given.name)
        })
    }
}

/// The parser's message without its picture of the source, which spans several lines.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let told = lines.filter(|line| !line.is_empty() && !line.contains('|'));
    told.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
pub(crate) mod tests;
