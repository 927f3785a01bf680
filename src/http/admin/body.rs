//! The request bodies of the admin API.

use serde::Deserialize;
use utoipa::ToSchema;

use almanac_engine::registry::{Route, Share};

use crate::call::CallCode;
use crate::http::problem::Problem;

/// The maximum length of an alias, in bytes.
const MAX_ALIAS_LENGTH: usize = 64;

/// The version to load.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadBody {
    /// The version; the newest when absent.
    #[schema(example = "3")]
    pub(super) version: Option<String>,
}

/// The version that an alias stands for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasBody {
    /// The version.
    #[schema(example = "3")]
    version: String,
}

/// The versions of a route and their parts.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteBody {
    /// The version that answers; the newest when absent.
    #[schema(example = "3")]
    stable: Option<String>,
    /// The version that answers a share of the requests instead.
    canary: Option<CanaryBody>,
    /// The version that forecasts the same series, for comparison.
    shadow: Option<ShadowBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CanaryBody {
    /// The version.
    #[schema(example = "4")]
    version: String,
    /// The share of the requests that it answers.
    #[schema(minimum = 0, maximum = 1, example = 0.1)]
    weight: f64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShadowBody {
    /// The version.
    #[schema(example = "4")]
    version: String,
    /// The share of the answered requests that it forecasts too.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    sample: f64,
}

/// Checks the alias of a path.
///
/// # Errors
/// [`CallCode::WrongType`] for one that no request could name.
pub(super) fn checked_alias(alias: &str) -> Result<&str, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=MAX_ALIAS_LENGTH).contains(&alias.len()) && alias.bytes().all(fits) {
        return Ok(alias);
    }
    let detail = format!(
        "the alias is {alias:?}; it must be letters, digits, '-', '_' and '.', and at most {MAX_ALIAS_LENGTH} of them"
    );
    Err(Problem::new(CallCode::WrongType, detail)
        .limit(MAX_ALIAS_LENGTH)
        .received(alias))
}

impl AliasBody {
    /// Returns the version.
    ///
    /// # Errors
    /// [`CallCode::MissingField`].
    pub(super) fn into_version(self) -> Result<String, Problem> {
        if self.version.is_empty() {
            let detail = "the body names no version; write {\"version\": \"3\"}";
            return Err(Problem::new(CallCode::MissingField, detail).at("/version"));
        }
        Ok(self.version)
    }
}

impl RouteBody {
    /// Returns the route, if its shares are valid.
    ///
    /// # Errors
    /// [`CallCode::WrongType`].
    pub(super) fn into_route(self) -> Result<Route, Problem> {
        let share = |pointer: &str, version, share: f64| {
            if (0.0..=1.0).contains(&share) {
                return Ok(Share { version, share });
            }
            let detail =
                format!("{share} is not a share of the requests; write a number from 0 to 1");
            Err(Problem::new(CallCode::WrongType, detail)
                .at(pointer)
                .received(share))
        };
        let canary = self.canary;
        let canary = canary.map(|one| share("/canary/weight", one.version, one.weight));
        let shadow = self.shadow;
        let shadow = shadow.map(|one| share("/shadow/sample", one.version, one.sample));
        Ok(Route {
            stable: self.stable,
            canary: canary.transpose()?,
            shadow: shadow.transpose()?,
        })
    }
}
