//! The bodies that the admin API reads.

use serde::Deserialize;
use utoipa::ToSchema;

use almanac_engine::registry::{Route, Share};

use crate::call::CallCode;
use crate::http::problem::Problem;

/// Bytes of an alias.
const LONGEST_ALIAS: usize = 64;

/// Which version to load.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadBody {
    /// The version; the newest when absent.
    #[schema(example = "3")]
    pub(super) version: Option<String>,
}

/// Which version an alias stands for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasBody {
    /// The version.
    #[schema(example = "3")]
    version: String,
}

/// Which versions have which part.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteBody {
    /// The version that answers; the newest when absent.
    #[schema(example = "3")]
    stable: Option<String>,
    /// The version that answers a share of the requests in its stead.
    canary: Option<CanaryBody>,
    /// The version that is run beside it and compared.
    shadow: Option<ShadowBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CanaryBody {
    /// The version.
    #[schema(example = "4")]
    version: String,
    /// Its share of the requests.
    #[schema(minimum = 0, maximum = 1, example = 0.1)]
    weight: f64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShadowBody {
    /// The version.
    #[schema(example = "4")]
    version: String,
    /// Its share of the requests that were answered.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    sample: f64,
}

/// An alias as the path has it.
///
/// # Errors
/// [`CallCode::WrongType`] for one that no request could name.
pub(super) fn checked_alias(alias: &str) -> Result<&str, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=LONGEST_ALIAS).contains(&alias.len()) && alias.bytes().all(fits) {
        return Ok(alias);
    }
    let detail = format!(
        "the alias is {alias:?}; it must be letters, digits, '-', '_' and '.', {LONGEST_ALIAS} at most"
    );
    Err(Problem::new(CallCode::WrongType, detail)
        .limit(LONGEST_ALIAS)
        .received(alias))
}

impl AliasBody {
    /// The version.
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
    /// The route, once its shares are shares.
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
