//! The variables of SageMaker's hosting contract, and of its serving toolkit.
//!
//! The settings of this program take precedence over them.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::config::{Bytes, ConfigError, ConfigLayer, ServerSettings, Span};

/// The values of SageMaker's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SageMakerVariables {
    /// `SAGEMAKER_BIND_TO_PORT`: the port to listen on, if no flag or variable names one.
    pub port: Option<u16>,
    /// `SAGEMAKER_SAFE_PORT_RANGE`: the allowed range of a second port.
    pub safe_ports: Option<RangeInclusive<u16>>,
    /// `SAGEMAKER_MULTI_MODEL`: whether to let the platform load and unload the models.
    pub is_multi_model: bool,
    /// `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`: the format of responses to requests that accept any.
    pub accept: Option<String>,
    /// The settings of a batch transform.
    pub transform: BatchTransform,
    timeout_seconds: Option<u32>,
    workers: Option<u32>,
    log_level: Option<&'static str>,
}

/// The settings of a batch transform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTransform {
    /// `SAGEMAKER_BATCH`: whether to treat every request as part of a batch transform.
    pub is_batch: bool,
    /// `SAGEMAKER_MAX_CONCURRENT_TRANSFORMS`: the maximum number of concurrent requests.
    pub max_concurrent: Option<usize>,
    /// `SAGEMAKER_BATCH_STRATEGY`: the number of records in a request.
    pub strategy: Option<BatchStrategy>,
    /// `SAGEMAKER_MAX_PAYLOAD_IN_MB`: the maximum size of a body, in MiB.
    pub max_payload_mib: Option<usize>,
}

/// The number of records in a request of a batch transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStrategy {
    /// One record.
    SingleRecord,
    /// The records that fit into a body of the maximum size.
    MultiRecord,
}

/// The formats that a response may have by default.
const ACCEPTED: [&str; 3] = ["application/json", "text/csv", "application/jsonlines"];

const PORTS_RULE: &str = "it must be two ports, such as 30000-30099";
const STRATEGY_RULE: &str = "it must be SINGLE_RECORD or MULTI_RECORD";
const LEVEL_RULE: &str = "it must be a log level of Python: 10 (DEBUG), 20 (INFO), 30 (WARNING), \
                          40 (ERROR) or 50 (CRITICAL)";

/// The maximum size of a body of a batch transform, in MiB.
const MAX_PAYLOAD_MIB: usize = 100;

/// The longest time for a response, that of an asynchronous endpoint, in seconds.
const MAX_TIMEOUT_SECONDS: u32 = 3_600;

impl SageMakerVariables {
    /// Reads the variables, of which `variable` returns the value by name.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a value that is not allowed.
    pub(super) fn read(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let environment = Environment(&variable);
        let seconds = |name| environment.between(name, 1..=MAX_TIMEOUT_SECONDS);
        let older_timeout = seconds("SAGEMAKER_MODEL_SERVER_TIMEOUT")?;
        Ok(Self {
            port: environment.between("SAGEMAKER_BIND_TO_PORT", 1..=u16::MAX)?,
            safe_ports: environment.read("SAGEMAKER_SAFE_PORT_RANGE", ports, PORTS_RULE)?,
            is_multi_model: environment.is_true("SAGEMAKER_MULTI_MODEL"),
            accept: environment.read(
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
                media_type,
                format!("it must be one of {}", ACCEPTED.join(", ")),
            )?,
            transform: BatchTransform {
                is_batch: environment.is_true("SAGEMAKER_BATCH"),
                max_concurrent: environment
                    .between("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", 1..=10_000)?,
                strategy: environment.read("SAGEMAKER_BATCH_STRATEGY", strategy, STRATEGY_RULE)?,
                // 0 means bodies of any size, which this program does not accept.
                max_payload_mib: environment
                    .between("SAGEMAKER_MAX_PAYLOAD_IN_MB", 0..=MAX_PAYLOAD_MIB)?
                    .filter(|size| *size > 0),
            },
            timeout_seconds: seconds("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS")?.or(older_timeout),
            workers: environment.between("SAGEMAKER_MODEL_SERVER_WORKERS", 1..=4_096)?,
            log_level: environment.read("SAGEMAKER_CONTAINER_LOG_LEVEL", log_level, LEVEL_RULE)?,
        })
    }

    /// Returns the settings of this program that follow from the variables. A payload below the
    /// default maximum size of a body does not lower it.
    pub(in crate::config) fn layer(&self) -> ConfigLayer {
        let mut layer = ConfigLayer::default();
        let default_body = ServerSettings::default().max_body;
        layer.server.request_timeout = self.timeout_seconds.map(|time| Span::seconds(time.into()));
        layer.server.max_body = self
            .transform
            .max_payload_mib
            .map(|size| Bytes::mebibytes(size as u64))
            .filter(|size| *size > default_body);
        layer.engine.workers = self.workers.map(|workers| workers as usize);
        layer.log.level = self.log_level.map(str::to_owned);
        layer
    }
}

struct Environment<'a>(&'a dyn Fn(&'static str) -> Option<String>);

impl Environment<'_> {
    fn is_true(&self, name: &'static str) -> bool {
        (self.0)(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn between<T: FromStr + PartialOrd + Display>(
        &self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, ConfigError> {
        let parse = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|number| range.contains(number))
        };
        let (min, max) = (range.start(), range.end());
        self.read(
            name,
            parse,
            format!("it must be a whole number from {min} to {max}"),
        )
    }

    /// Returns the parsed value of a variable, or an error with `rule`.
    fn read<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = (self.0)(name) else {
            return Ok(None);
        };
        match parse(&value) {
            None => Err(ConfigError::value(name, value, rule)),
            parsed => Ok(parsed),
        }
    }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (0 < first && first <= last).then_some(first..=last)
}

fn media_type(text: &str) -> Option<String> {
    ACCEPTED
        .iter()
        .find(|accepted| accepted.eq_ignore_ascii_case(text.trim()))
        .map(|accepted| (*accepted).to_owned())
}

fn strategy(text: &str) -> Option<BatchStrategy> {
    match text.to_ascii_uppercase().replace('_', "").as_str() {
        "SINGLERECORD" => Some(BatchStrategy::SingleRecord),
        "MULTIRECORD" => Some(BatchStrategy::MultiRecord),
        _ => None,
    }
}

/// Returns the level of this program for a log level of Python, by name or number.
fn log_level(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_uppercase().as_str() {
        "10" | "DEBUG" => Some("debug"),
        "20" | "INFO" => Some("info"),
        "30" | "WARNING" | "WARN" => Some("warn"),
        "40" | "ERROR" | "50" | "CRITICAL" | "FATAL" => Some("error"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<SageMakerVariables, String> {
        SageMakerVariables::read(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn no_variables_give_no_settings() {
        let variables = read(&[]).unwrap();
        assert_eq!(variables, SageMakerVariables::default());
        assert_eq!(
            format!("{:?}", variables.layer()),
            format!("{:?}", ConfigLayer::default())
        );
    }

    #[test]
    fn variables_of_the_toolkit_give_settings() {
        let variables = read(&[
            ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "90"),
            ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "120"),
            ("SAGEMAKER_MODEL_SERVER_WORKERS", "3"),
            ("SAGEMAKER_CONTAINER_LOG_LEVEL", "30"),
            ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "100"),
            ("SAGEMAKER_BATCH", "true"),
            ("SAGEMAKER_BATCH_STRATEGY", "SingleRecord"),
            ("SAGEMAKER_SAFE_PORT_RANGE", "30000-30099"),
        ])
        .unwrap();
        let layer = variables.layer();
        assert_eq!(layer.server.request_timeout, Some(Span::seconds(120)));
        assert_eq!(layer.server.max_body, Some(Bytes::mebibytes(100)));
        assert_eq!(layer.engine.workers, Some(3));
        assert_eq!(layer.log.level.as_deref(), Some("warn"));
        assert!(variables.transform.is_batch);
        let strategy = variables.transform.strategy;
        assert_eq!(strategy, Some(BatchStrategy::SingleRecord));
        assert_eq!(variables.safe_ports, Some(30_000..=30_099));
        // A smaller payload does not lower the limit, and 0 is not a size.
        for size in ["6", "0"] {
            let variables = read(&[("SAGEMAKER_MAX_PAYLOAD_IN_MB", size)]).unwrap();
            assert_eq!(variables.layer().server.max_body, None);
        }
    }

    #[test]
    fn an_invalid_value_is_rejected_with_its_name_value_and_rule() {
        for (name, value, rule) in [
            ("SAGEMAKER_BIND_TO_PORT", "http", "from 1 to 65535"),
            ("SAGEMAKER_BIND_TO_PORT", "0", "from 1 to 65535"),
            ("SAGEMAKER_BIND_TO_PORT", "70000", "from 1 to 65535"),
            ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "0", "from 1 to 3600"),
            ("SAGEMAKER_MODEL_SERVER_WORKERS", "many", "from 1 to 4096"),
            ("SAGEMAKER_SAFE_PORT_RANGE", "9-8", "such as 30000-30099"),
            (
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
                "application/x-npy",
                "text/csv",
            ),
            ("SAGEMAKER_BATCH_STRATEGY", "ALL", "MULTI_RECORD"),
            ("SAGEMAKER_CONTAINER_LOG_LEVEL", "25", "20 (INFO)"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(
                error.starts_with(&format!("{name} is {value}; ")),
                "{error}"
            );
            assert!(error.contains(rule), "{error}");
        }
    }
}
