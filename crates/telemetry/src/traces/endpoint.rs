//! Where a collector is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use ureq::http::Uri;

/// The path of traces under a collector's address, by the OTLP specification.
const PATH: &str = "/v1/traces";

/// The address that traces are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why a text is no address of a collector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// It has no host, or is no URL.
    #[error("{given:?} is not a URL such as http://localhost:4318")]
    NotUrl {
        /// As it was given.
        given: String,
    },
    /// It asks for a protocol that is not spoken.
    #[error(
        "{scheme} is not spoken; send to a collector nearby over http, which passes traces on over {scheme}"
    )]
    NotHttp {
        /// The protocol.
        scheme: String,
    },
}

impl Endpoint {
    /// The address that is exactly `url`, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` gives it.
    ///
    /// # Errors
    /// [`EndpointError`] when `url` is none, or not of http.
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

    /// The address as a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a collector, to which the path of traces is added where it is missing.
impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        let Self(exact) = Self::exact(url)?;
        let base = exact.trim_end_matches('/');
        if base.ends_with(PATH) || base.contains('?') {
            return Ok(Self(exact));
        }
        Ok(Self(format!("{base}{PATH}")))
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
    fn the_path_of_traces_is_added_where_it_is_missing() {
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
    fn what_cannot_be_sent_to_is_refused() {
        let told = |given: &str| given.parse::<Endpoint>().unwrap_err().to_string();
        assert_eq!(
            told("https://collector:4318"),
            "https is not spoken; send to a collector nearby over http, which passes traces on over https"
        );
        for given in ["collector:4318", "", "/v1/traces", "http://"] {
            assert!(told(given).contains("is not a URL"), "{given}");
        }
    }
}
