//! The roles of covariates, by the names under which clients send them.

use serde::Deserialize;

use almanac_forecast::CovariateKind;

use crate::manifest::context::scale_floor;
use crate::manifest::{Missing, PadValue, Scaling};

/// A covariate that the model requires, and the preparation of its values for the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariateRole {
    /// The name under which clients send the covariate.
    pub name: String,
    /// The steps for which the covariate must be known.
    #[serde(with = "KindDocument")]
    pub kind: CovariateKind,
    /// The replacement of a missing value, and of the steps of a run beyond the horizon of the request.
    #[serde(default = "reject")]
    pub missing: Missing,
    /// The value of the padding; [`CovariateRole::padding`] applies the default.
    pub pad_value: Option<PadValue>,
    /// The scaling, from the covariate's own observed values within the context.
    #[serde(default = "unscaled")]
    pub scaling: Scaling,
    /// The minimum scale used as a divisor. A smaller one is replaced by 1.
    #[serde(default = "scale_floor")]
    pub scale_floor: f64,
    /// The categories of a static covariate that is not a number. The graph reads the index of one, from 0.
    pub categories: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(remote = "CovariateKind", rename_all = "lowercase")]
enum KindDocument {
    Past,
    Future,
    Static,
}

impl CovariateRole {
    /// Returns the value with which the covariate is padded where the context is.
    #[must_use]
    pub const fn padding(&self) -> PadValue {
        PadValue::or_default(self.pad_value, self.missing)
    }

    /// Returns the index of `category` among the categories.
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
