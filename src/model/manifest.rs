//! What a graph wants and gives, as its `manifest.toml` says.
//!
//! Strict: an unknown key, an unknown value or a missing role is an error, never a guess. The keys
//! are documented in `models/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::forecast::{ForecastRequest, QuantileLevel, QuantileLevels};
use crate::model::Digest;

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
    /// Digest of every other file of the bundle, by file name.
    pub files: BTreeMap<String, Digest>,
    /// The tensor that carries the history.
    pub context: ContextRole,
    /// The tensor that carries the season length, when the graph takes one.
    pub season_length: Option<SeasonLengthRole>,
    /// How many steps the graph gives.
    pub horizon: HorizonRole,
    /// The tensor that carries the quantiles.
    pub output: OutputRole,
    /// What is done to the quantiles after the graph.
    pub postprocess: Postprocess,
    levels: QuantileLevels,
}

/// How the history enters the graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRole {
    /// Name of the input.
    pub input: String,
    /// Order of its axes.
    pub axes: [ContextAxis; 2],
    /// Type of its elements.
    pub r#type: FloatType,
    /// Fewest values the model forecasts from.
    pub min_length: usize,
    /// Most values the model sees; the tail of a longer series.
    pub max_length: usize,
    /// Side on which shorter contexts are padded.
    pub pad: PadSide,
    /// How the graph is told that a value is missing.
    pub missing: Missing,
    /// Scaling outside the graph, undone on its output.
    pub scaling: Scaling,
}

/// How the season length enters the graph: one integer a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonLengthRole {
    /// Name of the input.
    pub input: String,
    /// Type of its elements.
    pub r#type: IntegerType,
    /// What the graph is given when there is no season.
    pub unknown: i64,
    /// The longest season the graph can use; a longer one is given as `unknown`.
    pub longest: usize,
}

/// How far ahead the graph reaches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HorizonRole {
    /// Name of the scalar input that asks for a number of steps, when there is one.
    pub input: Option<String>,
    /// Type of that input.
    pub r#type: Option<IntegerType>,
    /// Steps that one run gives.
    pub native: usize,
    /// Steps that are served.
    pub longest: usize,
}

/// Where the quantiles leave the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRole {
    /// Name of the output.
    pub name: String,
    /// Order of its axes.
    pub axes: [OutputAxis; 3],
    /// Type of its elements.
    pub r#type: FloatType,
    /// The quantile levels along the quantile axis, ascending, with the median.
    pub levels: Vec<f64>,
}

/// What is done to the quantiles after the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postprocess {
    /// Clip at zero when no observed value of the context is negative.
    pub non_negative: bool,
}

/// An axis of the context tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextAxis {
    /// One series each.
    Batch,
    /// One step each, oldest first.
    Time,
}

/// An axis of the output tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputAxis {
    /// One series each.
    Batch,
    /// One level each.
    Quantile,
    /// One step ahead each.
    Time,
}

/// Floating point type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// IEEE 754 binary32.
    Float32,
}

/// Integer type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegerType {
    /// Signed, 64 bits.
    Int64,
}

/// Side on which a context is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadSide {
    /// Before the oldest value.
    Left,
}

/// How the graph is told that a value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// As `NaN`, padding included.
    Nan,
}

/// Scaling outside the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// The graph sees the values as they are.
    None,
    /// The values are divided by the power of two nearest their mean absolute value. A power of two
    /// loses no bit, so that scaled series get exactly scaled forecasts.
    MeanAbs,
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

/// Why a model cannot answer a request that is otherwise valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The horizon is beyond what the model serves.
    #[error("a horizon of {steps} steps is over the {longest} that model {model} serves")]
    Horizon {
        /// The steps asked for.
        steps: usize,
        /// The most that it serves.
        longest: usize,
        /// The model.
        model: String,
    },
    /// The series is shorter than the model needs.
    #[error("the series has {length} values, and model {model} needs at least {least}")]
    TooShort {
        /// The values sent.
        length: usize,
        /// The fewest that it needs.
        least: usize,
        /// The model.
        model: String,
    },
    /// The part of the series that the model sees is all missing.
    #[error("the last {length} values, which are all that model {model} sees, are missing")]
    NothingObserved {
        /// The length of the context.
        length: usize,
        /// The model.
        model: String,
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
    files: BTreeMap<String, Digest>,
    context: ContextRole,
    season_length: Option<SeasonLengthRole>,
    horizon: HorizonRole,
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

    /// The levels of the output, ascending, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Whether the model can answer `request`.
    ///
    /// # Errors
    /// [`Unfit`] says what the request asks for and what the model serves.
    pub fn fits(&self, request: &ForecastRequest) -> Result<(), Unfit> {
        let model = || self.name.clone();
        let steps = request.horizon().steps();
        if steps > self.horizon.longest {
            return Err(Unfit::Horizon {
                steps,
                longest: self.horizon.longest,
                model: model(),
            });
        }
        let length = request.series().values().len();
        if length < self.context.min_length {
            let least = self.context.min_length;
            return Err(Unfit::TooShort {
                length,
                least,
                model: model(),
            });
        }
        let context = request.series().tail(self.context.max_length);
        if context.iter().all(|value| value.is_nan()) {
            return Err(Unfit::NothingObserved {
                length: context.len(),
                model: model(),
            });
        }
        Ok(())
    }
}

impl Document {
    fn check(self) -> Result<Manifest, ManifestError> {
        let levels = self.levels()?;
        ensure(is_identifier(&self.name), "name", &self.name, IDENTIFIER)?;
        ensure(
            is_identifier(&self.version),
            "version",
            &self.version,
            IDENTIFIER,
        )?;
        ensure(
            self.context.axes == [ContextAxis::Batch, ContextAxis::Time],
            "context.axes",
            &format_args!("{:?}", self.context.axes),
            r#"write ["batch", "time"]"#,
        )?;
        ensure(
            (1..=self.context.max_length).contains(&self.context.min_length),
            "context.min_length",
            &self.context.min_length,
            "it lies between 1 and context.max_length",
        )?;
        ensure(
            self.output.axes[0] == OutputAxis::Batch
                && self.output.axes[1..].contains(&OutputAxis::Quantile)
                && self.output.axes[1..].contains(&OutputAxis::Time),
            "output.axes",
            &format_args!("{:?}", self.output.axes),
            r#"write "batch", then "quantile" and "time" in the order of the graph"#,
        )?;
        ensure(
            (1..=self.horizon.native).contains(&self.horizon.longest),
            "horizon.longest",
            &self.horizon.longest,
            "it lies between 1 and horizon.native",
        )?;
        ensure(
            self.horizon.input.is_some() == self.horizon.r#type.is_some(),
            "horizon.type",
            &format_args!("{:?}", self.horizon.r#type),
            "it is given exactly when horizon.input is",
        )?;
        Ok(Manifest {
            name: self.name,
            version: self.version,
            description: self.description,
            licence: self.licence,
            files: self.files,
            context: self.context,
            season_length: self.season_length,
            horizon: self.horizon,
            output: self.output,
            postprocess: self.postprocess,
            levels,
        })
    }

    fn levels(&self) -> Result<QuantileLevels, ManifestError> {
        let rule = "they ascend within (0, 1) and hold 0.5";
        let shown = || format!("{:?}", self.output.levels);
        let refused = || ManifestError::Value {
            key: "output.levels",
            value: shown(),
            rule,
        };
        let own: Result<Vec<_>, _> = self
            .output
            .levels
            .iter()
            .map(|&level| QuantileLevel::new(level))
            .collect();
        let own = own.map_err(|_| refused())?;
        let levels = QuantileLevels::with_median(own.iter().copied());
        // Equal only when nothing was added, dropped or moved.
        if levels.as_slice() == own.as_slice() {
            Ok(levels)
        } else {
            Err(refused())
        }
    }
}

const IDENTIFIER: &str = "write 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'";

/// Names and versions stand in paths and in metric labels, so their alphabet is narrow.
fn is_identifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

fn ensure(
    holds: bool,
    key: &'static str,
    value: &impl ToString,
    rule: &'static str,
) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(ManifestError::Value {
            key,
            value: value.to_string(),
            rule,
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
pub(in crate::model) mod tests;
