//! The address of a collector.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use ureq::http::Uri;

/// The path of traces below the address of a collector, by the OTLP specification.
const TRACES_PATH: &str = "/v1/traces";

/// The URL that traces are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// The error returned when a text is not the address of a collector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// The text is not a URL, or has no host.
    #[error("{given:?} is not a URL such as http://localhost:4318")]
    NotUrl {
        /// The text that was given.
        given: String,
    },
    /// The scheme is not `http`.
    #[error(
        "unsupported scheme {scheme:?}; send traces over http to a nearby collector, which forwards them over {scheme}"
    )]
    NotHttp {
        /// The scheme of the URL.
        scheme: String,
    },
}

impl Endpoint {
    /// Creates the endpoint `url` without a change of its path, as
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` requires.
    ///
    /// # Errors
    /// Returns [`EndpointError`] if `url` is not an http URL.
    pub fn exact(url: &str) -> Result<Self, EndpointError> {
        let not_url = || EndpointError::NotUrl {
            given: url.to_owned(),
        };
        let uri: Uri = url.trim().parse().map_err(|_| not_url())?;
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        match uri.scheme_str() {
            Some("http") if has_host => Ok(Self(uri.to_string())),
            Some(scheme) if has_host => Err(EndpointError::NotHttp {
                scheme: scheme.to_owned(),
            }),
            _ => Err(not_url()),
        }
    }

    /// Returns the URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parses the address of a collector, and appends the path of traces if it is missing.
impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        let Self(exact) = Self::exact(url)?;
        let base = exact.trim_end_matches('/');
        if base.ends_with(TRACES_PATH) || base.contains('?') {
            return Ok(Self(exact));
        }
        Ok(Self(format!("{base}{TRACES_PATH}")))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_the_path_of_traces_if_it_is_missing() {
        for (given, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("http://c/otlp", "http://c/otlp/v1/traces"),
            ("http://c/v1/traces", "http://c/v1/traces"),
        ] {
            assert_eq!(given.parse::<Endpoint>().unwrap().as_str(), expected);
        }
        let exact = Endpoint::exact("http://c/elsewhere").unwrap();
        assert_eq!(exact.as_str(), "http://c/elsewhere");
    }

    #[test]
    fn rejects_other_schemes_and_texts_that_are_not_urls() {
        let message = |given: &str| given.parse::<Endpoint>().unwrap_err().to_string();
        assert_eq!(
            message("https://collector:4318"),
            "unsupported scheme \"https\"; send traces over http to a nearby collector, which forwards them over https"
        );
        for given in ["collector:4318", "", "/v1/traces", "http://"] {
            assert!(message(given).contains("is not a URL"), "{given}");
        }
    }
}
