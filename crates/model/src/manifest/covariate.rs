//! What a graph is told beside the history, by the names that clients send it under.

use serde::Deserialize;

use crate::manifest::context::scale_floor;
use crate::manifest::{Missing, PadValue, Scaling};
use almanac_forecast::CovariateKind;

/// A covariate that the model needs, and how its values enter the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariateRole {
    /// The name that clients send it under.
    pub name: String,
    /// Over which steps it must be known.
    #[serde(with = "KindDocument")]
    pub kind: CovariateKind,
    /// What stands for a missing value, and for the steps of a run beyond the horizon of the request.
    #[serde(default = "reject")]
    pub missing: Missing,
    /// What stands where the context is padded; [`CovariateRole::padding`] has the default.
    pub pad_value: Option<PadValue>,
    /// Scaling by its own observed values within the context.
    #[serde(default = "unscaled")]
    pub scaling: Scaling,
    /// The smallest scale that is divided by; a smaller one counts as 1.
    #[serde(default = "scale_floor")]
    pub scale_floor: f64,
    /// The categories of a static covariate that is no number. The graph is given the place of one,
    /// from 0.
    pub categories: Option<Vec<String>>,
}

/// How covariates enter a graph beside those that are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextCovariates {
    /// They do not.
    #[default]
    None,
    /// Each past or future covariate, by whatever name, is a row beside that of its series.
    Rows,
}

#[derive(Deserialize)]
#[serde(remote = "CovariateKind", rename_all = "lowercase")]
enum KindDocument {
    Past,
    Future,
    Static,
}

impl CovariateRole {
    /// What stands where the context is padded.
    #[must_use]
    pub const fn padding(&self) -> PadValue {
        PadValue::or_default(self.pad_value, self.missing)
    }

    /// The number that stands for `category`.
    #[must_use]
    pub fn code(&self, category: &str) -> Option<usize> {
        let categories = self.categories.as_ref()?;
        categories.iter().position(|known| known == category)
    }
}

const fn reject() -> Missing {
    Missing::Reject
}

const fn unscaled() -> Scaling {
    Scaling::None
}
