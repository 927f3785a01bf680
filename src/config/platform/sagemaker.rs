//! What SageMaker says by variables: those of its hosting contract, and those that its own serving
//! toolkit made usual.
//!
//! Each stands below the settings of this program, for whoever sets those means this program.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};

use crate::config::ConfigError;

/// What SageMaker says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `SAGEMAKER_BIND_TO_PORT`: the port to listen on, where nothing else is said.
    pub port: Option<u16>,
    /// `SAGEMAKER_SAFE_PORT_RANGE`: where a second port must lie.
    pub safe_ports: Option<RangeInclusive<u16>>,
    /// `SAGEMAKER_MULTI_MODEL`: whether the host loads and unloads the models.
    pub is_multi_model: bool,
    /// `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`: the format of answers that nobody asked for in one.
    pub accept: Option<String>,
    /// What a batch transform was started with.
    pub transform: Transform,
    timeout_seconds: Option<u32>,
    workers: Option<u32>,
    log_level: Option<&'static str>,
}

/// What a batch transform was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `SAGEMAKER_BATCH`: whether every request is of a batch transform.
    pub is_batch: bool,
    /// `SAGEMAKER_MAX_CONCURRENT_TRANSFORMS`: requests at once.
    pub max_concurrent: Option<usize>,
    /// `SAGEMAKER_BATCH_STRATEGY`: records in a request.
    pub strategy: Option<Strategy>,
    /// `SAGEMAKER_MAX_PAYLOAD_IN_MB`: largest body in MiB.
    pub max_payload_mib: Option<usize>,
}

/// How many records a request of a batch transform has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One.
    SingleRecord,
    /// As many as the largest body holds.
    MultiRecord,
}

/// The formats that an answer may have where nobody asks for one.
const ACCEPTED: [&str; 3] = ["application/json", "text/csv", "application/jsonlines"];

/// Largest body of a batch transform, in MiB.
const MOST_PAYLOAD: usize = 100;

/// Longest answer, that of an asynchronous endpoint, in seconds.
const LONGEST_ANSWER: u32 = 3_600;

impl Variables {
    /// What `variable` gives by name.
    ///
    /// # Errors
    /// [`ConfigError::Standard`] for a value that makes no sense.
    pub(super) fn read(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let environment = Environment(&variable);
        let seconds = |name| environment.between(name, 1..=LONGEST_ANSWER);
        let timeout = seconds("SAGEMAKER_MODEL_SERVER_TIMEOUT")?;
        Ok(Self {
            port: environment.between("SAGEMAKER_BIND_TO_PORT", 1..=u16::MAX)?,
            safe_ports: environment.read("SAGEMAKER_SAFE_PORT_RANGE", ports)?,
            is_multi_model: environment.is_true("SAGEMAKER_MULTI_MODEL"),
            accept: environment.read("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", media_type)?,
            transform: Transform {
                is_batch: environment.is_true("SAGEMAKER_BATCH"),
                max_concurrent: environment
                    .between("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", 1..=10_000)?,
                strategy: environment.read("SAGEMAKER_BATCH_STRATEGY", strategy)?,
                // 0 asks for bodies without a bound, of which there are none here.
                max_payload_mib: environment
                    .between("SAGEMAKER_MAX_PAYLOAD_IN_MB", 0..=MOST_PAYLOAD)?
                    .filter(|size| *size > 0),
            },
            // The newer of the two names wins.
            timeout_seconds: seconds("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS")?.or(timeout),
            workers: environment.between("SAGEMAKER_MODEL_SERVER_WORKERS", 1..=4_096)?,
            log_level: environment.read("SAGEMAKER_CONTAINER_LOG_LEVEL", log_level)?,
        })
    }

    /// Settings of this program that follow, as its file would write them; `max_body` is its own
    /// largest body, in MiB.
    pub(in crate::config) fn settings(&self, max_body: usize) -> Table {
        let body = self.transform.max_payload_mib;
        let settings = [
            (
                ("server", "request_timeout"),
                self.timeout_seconds.map(|time| format!("{time}s").into()),
            ),
            (
                ("server", "max_body"),
                body.filter(|size| *size > max_body)
                    .map(|size| format!("{size}MiB").into()),
            ),
            (
                ("engine", "workers"),
                self.workers.map(|workers| i64::from(workers).into()),
            ),
            (("log", "level"), self.log_level.map(Value::from)),
        ];
        let mut table = Table::new();
        for ((section, key), value) in settings {
            let section = table
                .entry(section)
                .or_insert_with(|| Table::new().into())
                .as_table_mut();
            if let (Some(section), Some(value)) = (section, value) {
                section.insert(key.to_owned(), value);
            }
        }
        table
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
        self.read(name, |text| {
            let number = text.trim().parse().ok();
            let (least, most) = (range.start(), range.end());
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| format!("it must be a whole number from {least} to {most}"))
        })
    }

    fn read<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = (self.0)(name) else {
            return Ok(None);
        };
        match read(&value) {
            Ok(known) => Ok(Some(known)),
            Err(reason) => Err(ConfigError::Standard {
                setting: name,
                value,
                reason,
            }),
        }
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let range = text.split_once('-').and_then(|(first, last)| {
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (0 < first && first <= last).then_some(first..=last)
    });
    range.ok_or_else(|| "it must be two ports, as 30000-30099".to_owned())
}

fn media_type(text: &str) -> Result<String, String> {
    let known = ACCEPTED
        .iter()
        .find(|known| known.eq_ignore_ascii_case(text.trim()));
    known
        .map(|known| (*known).to_owned())
        .ok_or_else(|| format!("it must be one of {}", ACCEPTED.join(", ")))
}

fn strategy(text: &str) -> Result<Strategy, String> {
    match text.to_ascii_uppercase().replace('_', "").as_str() {
        "SINGLERECORD" => Ok(Strategy::SingleRecord),
        "MULTIRECORD" => Ok(Strategy::MultiRecord),
        _ => Err("it must be SINGLE_RECORD or MULTI_RECORD".to_owned()),
    }
}

/// A level by its name, or by its number in Python.
fn log_level(text: &str) -> Result<&'static str, String> {
    let told = "it must be a level of Python: 10 (DEBUG), 20 (INFO), 30 (WARNING), 40 (ERROR) or 50 (CRITICAL)";
    match text.trim().to_ascii_uppercase().as_str() {
        "10" | "DEBUG" => Ok("debug"),
        "20" | "INFO" => Ok("info"),
        "30" | "WARNING" | "WARN" => Ok("warn"),
        "40" | "ERROR" | "50" | "CRITICAL" | "FATAL" => Ok("error"),
        _ => Err(told.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Variables, String> {
        let variable = |name: &'static str| {
            let mut known = variables.iter().filter(|(known, _)| *known == name);
            known.next().map(|(_, value)| (*value).to_owned())
        };
        Variables::read(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn without_variables_nothing_changes() {
        let variables = read(&[]).unwrap();
        assert_eq!(variables, Variables::default());
        assert!(
            variables
                .settings(32)
                .values()
                .all(|section| section.as_table().unwrap().is_empty())
        );
    }

    #[test]
    fn the_toolkits_variables_are_settings() {
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
        let settings = toml::to_string(&variables.settings(32)).unwrap();
        for line in [
            "request_timeout = \"120s\"",
            "max_body = \"100MiB\"",
            "workers = 3",
            "level = \"warn\"",
        ] {
            assert!(settings.contains(line), "{line}: {settings}");
        }
        assert!(variables.transform.is_batch);
        assert_eq!(variables.transform.strategy, Some(Strategy::SingleRecord));
        assert_eq!(variables.safe_ports, Some(30_000..=30_099));
        // A smaller payload is no reason to refuse a larger body, and 0 is no payload.
        for size in ["6", "0"] {
            let variables = read(&[("SAGEMAKER_MAX_PAYLOAD_IN_MB", size)]).unwrap();
            assert_eq!(variables.settings(32)["server"], Table::new().into());
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_name_value_and_rule() {
        for (name, value, rule) in [
            ("SAGEMAKER_BIND_TO_PORT", "http", "from 1 to 65535"),
            ("SAGEMAKER_BIND_TO_PORT", "0", "from 1 to 65535"),
            ("SAGEMAKER_BIND_TO_PORT", "70000", "from 1 to 65535"),
            ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "0", "from 1 to 3600"),
            ("SAGEMAKER_MODEL_SERVER_WORKERS", "many", "from 1 to 4096"),
            ("SAGEMAKER_SAFE_PORT_RANGE", "9-8", "as 30000-30099"),
            (
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
                "application/x-npy",
                "text/csv",
            ),
            ("SAGEMAKER_BATCH_STRATEGY", "ALL", "MULTI_RECORD"),
            ("SAGEMAKER_CONTAINER_LOG_LEVEL", "25", "20 (INFO)"),
        ] {
            let told = read(&[(name, value)]).unwrap_err();
            let is_told = told.starts_with(&format!("{name} is {value}; ")) && told.contains(rule);
            assert!(is_told, "{told}");
        }
    }
}
