//! The settings of the log, of traces and of metrics that are written.

use serde::Deserialize;

use crate::config::{Bytes, ConfigError, Platform, Span};
use almanac_telemetry::emf::EmfConfig;
use almanac_telemetry::logging::{LogConfig, LogFormat, LoggedRequests};
use almanac_telemetry::traces::{Endpoint, TracesConfig};

/// How the log is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// Least severe level that is written, or `TARGET=LEVEL` directives.
    pub level: String,
    /// Which requests have a line.
    pub requests: LoggedRequests,
    /// How long a request takes that is slow.
    pub slow: Span,
    /// Lines that may wait to be written.
    pub buffer: Bytes,
}

/// Where traces go.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// The collector, reached with OTLP over HTTP. Without one there are no traces.
    pub endpoint: Option<Endpoint>,
    /// The share of traces begun here that are recorded.
    pub sample_ratio: f64,
    /// The name of the service in its traces.
    pub service: Option<String>,
    /// Requests whose spans may wait to be sent.
    pub queue: usize,
}

/// Metrics on standard output, in CloudWatch's embedded metric format.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Emf {
    /// Whether they are written.
    pub enabled: bool,
    /// Time between two lines.
    pub interval: Span,
    /// The namespace of the metrics in CloudWatch.
    pub namespace: String,
    /// Models that have a line of their own; the rest share one.
    pub max_models: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
            requests: LoggedRequests::All,
            slow: Span::seconds(1),
            // Some five thousand lines: a tenth of a second of the busiest server, read by nobody.
            buffer: Bytes::mebibytes(1),
        }
    }
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: 1.0,
            service: None,
            // As many as OpenTelemetry's batch processors hold of spans.
            queue: 2_048,
        }
    }
}

impl Default for Emf {
    fn default() -> Self {
        Self {
            enabled: false,
            // CloudWatch keeps ordinary metrics by the minute.
            interval: Span::seconds(60),
            namespace: "Almanac".to_owned(),
            // About ten metrics each, which CloudWatch charges one by one.
            max_models: 20,
        }
    }
}

impl Log {
    /// The settings in the log's own words.
    #[must_use]
    pub fn to_config(&self) -> LogConfig {
        LogConfig {
            format: self.format,
            level: self.level.clone(),
            buffer: self.buffer.get(),
        }
    }
}

impl Traces {
    /// Takes what is not set from the variables that OpenTelemetry names.
    pub(super) fn take_standard(&mut self, platform: &Platform) -> Result<(), ConfigError> {
        if platform.otel_disabled {
            self.endpoint = None;
            return Ok(());
        }
        let endpoint = |setting, url: &str, endpoint: Result<Endpoint, _>| {
            endpoint.map_err(|error| ConfigError::Standard {
                setting,
                value: url.to_owned(),
                reason: format!("{error}"),
            })
        };
        if self.endpoint.is_none() {
            self.endpoint = match (&platform.otlp_traces_endpoint, &platform.otlp_endpoint) {
                (Some(url), _) => Some(endpoint(
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                    url,
                    Endpoint::exact(url),
                )?),
                (None, Some(url)) => {
                    Some(endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", url, url.parse())?)
                }
                (None, None) => None,
            };
        }
        if self.service.is_none() {
            self.service.clone_from(&platform.otel_service);
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (0.0..=1.0).contains(&self.sample_ratio) {
            return Ok(());
        }
        Err(ConfigError::Value {
            setting: "traces.sample_ratio",
            value: self.sample_ratio.to_string(),
            rule: "it must be from 0 to 1",
        })
    }

    /// What sending traces needs; none without a collector.
    #[must_use]
    pub fn to_config(&self) -> Option<TracesConfig> {
        let endpoint = self.endpoint.clone()?;
        Some(TracesConfig {
            endpoint,
            sample_ratio: self.sample_ratio,
            service: self.service.clone(),
            queue: self.queue,
        })
    }
}

impl Emf {
    /// What writing metrics needs, for a service of this name; none where they are off. Requests of
    /// the routes in `routine` do not count.
    #[must_use]
    pub fn to_config(
        &self,
        service: Option<&str>,
        routine: &'static [&'static str],
    ) -> Option<EmfConfig> {
        self.enabled.then(|| EmfConfig {
            interval: self.interval.get(),
            namespace: self.namespace.clone(),
            service: service.unwrap_or("almanac").to_owned(),
            max_models: self.max_models,
            routine,
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, value: String, rule| {
            Err(ConfigError::Value {
                setting,
                value,
                rule,
            })
        };
        if self.interval < Span::seconds(1) {
            return value(
                "emf.interval",
                self.interval.to_string(),
                "it must be at least 1s",
            );
        }
        let namespace = &self.namespace;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#: ".contains(&byte);
        let is_kept = namespace.starts_with("AWS/") || namespace.starts_with(':');
        if namespace.trim().is_empty()
            || namespace.len() > 255
            || is_kept
            || !namespace.bytes().all(is_allowed)
        {
            return value(
                "emf.namespace",
                format!("{namespace:?}"),
                "it must be 1 to 255 letters, digits and ._-/#: and not begin with AWS/ or a colon",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(platform: &Platform) -> Result<Option<String>, ConfigError> {
        let mut traces = Traces::default();
        traces.take_standard(platform)?;
        Ok(traces.endpoint.map(|endpoint| endpoint.to_string()))
    }

    #[test]
    fn standard_variables_stand_in_for_settings() {
        let mut platform = Platform {
            otlp_endpoint: Some("http://collector:4318".to_owned()),
            otel_service: Some("forecasts".to_owned()),
            ..Platform::default()
        };
        assert_eq!(
            endpoint(&platform).unwrap().unwrap(),
            "http://collector:4318/v1/traces"
        );
        platform.otlp_traces_endpoint = Some("http://collector:4318/here".to_owned());
        assert_eq!(
            endpoint(&platform).unwrap().unwrap(),
            "http://collector:4318/here"
        );
        let mut given = Traces {
            endpoint: Some("http://mine".parse().unwrap()),
            ..Traces::default()
        };
        given.take_standard(&platform).unwrap();
        assert_eq!(given.endpoint.unwrap().as_str(), "http://mine/v1/traces");
        assert_eq!(given.service.as_deref(), Some("forecasts"));
        platform.otel_disabled = true;
        assert_eq!(endpoint(&platform).unwrap(), None);
    }

    #[test]
    fn a_variable_that_cannot_be_followed_is_told() {
        let platform = Platform {
            otlp_endpoint: Some("https://vendor".to_owned()),
            ..Platform::default()
        };
        let told = endpoint(&platform).unwrap_err().to_string();
        assert!(
            told.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT is https://vendor; https is not spoken"),
            "{told}"
        );
    }

    #[test]
    fn metrics_are_written_where_they_are_asked_for() {
        let mut emf = Emf::default();
        assert!(emf.to_config(None, &[]).is_none());
        emf.enabled = true;
        let written = emf.to_config(None, &["/readyz"]).unwrap();
        assert_eq!(written.interval.as_secs(), 60);
        assert_eq!(
            (&*written.namespace, &*written.service),
            ("Almanac", "almanac")
        );
        assert_eq!(written.routine, ["/readyz"]);
        let named = emf.to_config(Some("forecasts"), &[]).unwrap();
        assert_eq!(named.service, "forecasts");
    }

    #[test]
    fn an_interval_and_a_namespace_are_what_cloudwatch_takes() {
        Emf::default().check().unwrap();
        let told = |emf: Emf| emf.check().unwrap_err().to_string();
        let often = Emf {
            interval: "500ms".parse().unwrap(),
            ..Emf::default()
        };
        assert_eq!(told(often), "emf.interval is 500ms; it must be at least 1s");
        for namespace in ["", " ", "AWS/ECS", ":a", "a\u{fc}", &"a".repeat(256)] {
            let emf = Emf {
                namespace: namespace.to_owned(),
                ..Emf::default()
            };
            assert!(told(emf).starts_with("emf.namespace is"), "{namespace}");
        }
    }
}
