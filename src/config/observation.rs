//! The settings of the log, of traces and of the metrics for CloudWatch.

use almanac_telemetry::emf::EmfConfig;
use almanac_telemetry::logging::{LogConfig, LogFormat, LoggedRequests};
use almanac_telemetry::traces::{Endpoint, EndpointError, TracesConfig};

use crate::config::settings::settings;
use crate::config::{Bytes, ConfigError, Platform, Span};

settings! {
    /// The log.
    pub struct LogSettings(LogLayer) in "log" under "Log" {
        /// Format of log lines
        format: LogFormat = "text", Shared("--log-format <FORMAT>");
        /// Lowest level to log, error to trace, or TARGET=LEVEL directives
        level: String = "info", Shared("--log-level <LEVEL>");
        /// Requests to log; failed requests always are
        requests: LoggedRequests = "all", Serve("--log-requests <WHICH>");
        /// Duration from which a request is slow
        slow: Span = "1s", Serve("--log-slow <DURATION>");
        /// Maximum size of the log lines that wait to be written; further lines are dropped
        // About five thousand lines: a tenth of a second of the busiest server without a reader.
        buffer: Bytes = "1MiB", Shared("--log-buffer <SIZE>");
    }
}

settings! {
    /// The traces.
    pub struct TraceSettings(TraceLayer) in "traces" under "Traces" {
        /// Collector to send traces to, with OTLP over plain HTTP; without it no traces are sent
        endpoint: Option<Endpoint> = "none", Serve("--otlp-endpoint <URL>");
        /// Share, from 0 to 1, of the traces started by this server that are recorded
        sample_ratio: f64 = "1", Serve("--trace-ratio <SHARE>"), 0.0..=1.0;
        /// Maximum number of requests whose spans wait to be sent; further spans are dropped
        // As many as the queue of OpenTelemetry's batch processor holds spans.
        queue: usize = "2048", Serve("--trace-queue <N>"), 1..;
        /// Name of the service in traces and in CloudWatch
        service: Option<String> = "almanac", Serve("--service-name <NAME>");
    }
}

settings! {
    /// The metrics on standard output, in CloudWatch's embedded metric format.
    pub struct EmfSettings(EmfLayer) in "emf" under "Metrics" {
        /// Write metrics to standard output in CloudWatch's embedded metric format
        enabled: bool = "false", Serve("--emf <BOOL>");
        /// Interval between two lines of metrics
        // CloudWatch stores ordinary metrics with a resolution of one minute.
        interval: Span = "60s", Serve("--emf-interval <DURATION>"), Span::seconds(1)..;
        /// Namespace of the metrics in CloudWatch
        namespace: String = "Almanac", Serve("--emf-namespace <NAME>");
        /// Maximum number of models with metrics of their own; the others share theirs
        // About ten metrics per model, each of which CloudWatch charges for.
        max_models: usize = "20", Serve("--emf-max-models <N>");
    }
}

impl LogSettings {
    /// Returns the configuration of the log.
    #[must_use]
    pub fn to_config(&self) -> LogConfig {
        LogConfig {
            format: self.format,
            level: self.level.clone(),
            buffer: self.buffer.get(),
        }
    }
}

impl TraceSettings {
    /// Applies the variables of OpenTelemetry to the settings that are not given.
    pub(super) fn apply_platform(&mut self, platform: &Platform) -> Result<(), ConfigError> {
        if platform.otel_disabled {
            self.endpoint = None;
            return Ok(());
        }
        if self.endpoint.is_none() {
            self.endpoint = platform_endpoint(platform)?;
        }
        if self.service.is_none() {
            self.service.clone_from(&platform.otel_service);
        }
        Ok(())
    }

    /// Returns the configuration of the traces, or nothing without a collector.
    #[must_use]
    pub fn to_config(&self) -> Option<TracesConfig> {
        Some(TracesConfig {
            endpoint: self.endpoint.clone()?,
            sample_ratio: self.sample_ratio,
            service: self.service.clone(),
            queue: self.queue,
        })
    }
}

/// Returns the collector that the variables of OpenTelemetry name. The variable of traces is used
/// unchanged, and takes precedence over the variable of every signal.
fn platform_endpoint(platform: &Platform) -> Result<Option<Endpoint>, ConfigError> {
    let refused = |variable, url: &String, error: EndpointError| {
        ConfigError::value(variable, url, error.to_string())
    };
    if let Some(url) = &platform.otlp_traces_endpoint {
        return Endpoint::exact(url)
            .map(Some)
            .map_err(|error| refused("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url, error));
    }
    let Some(url) = &platform.otlp_endpoint else {
        return Ok(None);
    };
    url.parse()
        .map(Some)
        .map_err(|error| refused("OTEL_EXPORTER_OTLP_ENDPOINT", url, error))
}

impl EmfSettings {
    /// Returns the configuration of the metrics for `service`, or nothing if they are off. Requests
    /// of the routes in `routine` are not counted.
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

    /// Rejects a namespace that CloudWatch does not accept.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let namespace = &self.namespace;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#: ".contains(&byte);
        let is_reserved = namespace.starts_with("AWS/") || namespace.starts_with(':');
        if !namespace.trim().is_empty()
            && namespace.len() <= 255
            && !is_reserved
            && namespace.bytes().all(is_allowed)
        {
            return Ok(());
        }
        Err(ConfigError::value(
            "emf.namespace",
            format_args!("{namespace:?}"),
            "it must be 1 to 255 letters, digits and ._-/#: and not begin with AWS/ or a colon",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Section as _;

    fn endpoint(platform: &Platform) -> Result<Option<String>, ConfigError> {
        let mut traces = TraceSettings::default();
        traces.apply_platform(platform)?;
        Ok(traces.endpoint.map(|endpoint| endpoint.to_string()))
    }

    #[test]
    fn standard_variables_apply_to_absent_settings() {
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
        let mut given = TraceSettings {
            endpoint: Some("http://mine".parse().unwrap()),
            ..TraceSettings::default()
        };
        given.apply_platform(&platform).unwrap();
        assert_eq!(given.endpoint.unwrap().as_str(), "http://mine/v1/traces");
        assert_eq!(given.service.as_deref(), Some("forecasts"));
        platform.otel_disabled = true;
        assert_eq!(endpoint(&platform).unwrap(), None);
    }

    #[test]
    fn an_unsupported_standard_variable_is_rejected() {
        let platform = Platform {
            otlp_endpoint: Some("https://vendor".to_owned()),
            ..Platform::default()
        };
        let error = endpoint(&platform).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "OTEL_EXPORTER_OTLP_ENDPOINT is https://vendor; unsupported scheme \"https\""
            ),
            "{error}"
        );
    }

    #[test]
    fn metrics_are_written_if_they_are_enabled() {
        let mut emf = EmfSettings::default();
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
    fn an_interval_and_a_namespace_are_those_of_cloudwatch() {
        EmfSettings::default().check().unwrap();
        let short = EmfSettings {
            interval: "500ms".parse().unwrap(),
            ..EmfSettings::default()
        };
        assert_eq!(
            short.check_ranges().unwrap_err().to_string(),
            "emf.interval is 500ms; it must be at least 1s (--emf-interval, ALMANAC_EMF_INTERVAL)"
        );
        for namespace in ["", " ", "AWS/ECS", ":a", "a\u{fc}", &"a".repeat(256)] {
            let emf = EmfSettings {
                namespace: namespace.to_owned(),
                ..EmfSettings::default()
            };
            let error = emf.check().unwrap_err().to_string();
            assert!(error.starts_with("emf.namespace is"), "{error}");
        }
    }
}
