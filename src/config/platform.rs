//! The variables of the platform and of other programs.

mod sagemaker;

pub use sagemaker::{BatchStrategy, BatchTransform, SageMakerVariables};

use std::path::PathBuf;

use almanac_store::MlflowOptions;

use crate::config::ConfigError;

/// The values of the variables of the platform and of other programs.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// `ORT_DYLIB_PATH`: the ONNX Runtime library to load.
    pub ort_library: Option<PathBuf>,
    /// `ECS_CONTAINER_METADATA_URI_V4`: the URL of the metadata of an ECS task.
    pub ecs_metadata: Option<String>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector of every signal.
    pub otlp_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: the collector of traces.
    pub otlp_traces_endpoint: Option<String>,
    /// `OTEL_SERVICE_NAME`: the name of the service.
    pub otel_service: Option<String>,
    /// `OTEL_SDK_DISABLED`: whether to send no traces, regardless of other settings.
    pub otel_disabled: bool,
    /// `XDG_CACHE_HOME`, or `.cache` in `HOME`: the cache folder of the user.
    pub cache_home: Option<PathBuf>,
    /// `MLFLOW_TRACKING_URI` and its credentials.
    pub mlflow: MlflowOptions,
    /// The variables of SageMaker.
    pub sagemaker: SageMakerVariables,
}

impl Platform {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a value that is not allowed.
    pub(super) fn read() -> Result<Self, ConfigError> {
        Ok(Self {
            ort_library: variable("ORT_DYLIB_PATH").map(PathBuf::from),
            ecs_metadata: variable("ECS_CONTAINER_METADATA_URI_V4"),
            otlp_endpoint: variable("OTEL_EXPORTER_OTLP_ENDPOINT"),
            otlp_traces_endpoint: variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
            otel_service: variable("OTEL_SERVICE_NAME"),
            otel_disabled: variable("OTEL_SDK_DISABLED")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            cache_home: variable("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache"))),
            mlflow: MlflowOptions {
                tracking_uri: variable("MLFLOW_TRACKING_URI"),
                username: variable("MLFLOW_TRACKING_USERNAME"),
                password: variable("MLFLOW_TRACKING_PASSWORD"),
                token: variable("MLFLOW_TRACKING_TOKEN"),
            },
            sagemaker: SageMakerVariables::read(variable)?,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module is the only reader of the environment"
)]
fn variable(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
