//! What the platform and other programs say by variables of their own.

mod sagemaker;

pub use sagemaker::{Strategy, Transform, Variables as SageMakerVariables};

use std::path::PathBuf;

use crate::config::ConfigError;
use almanac_store::MlflowOptions;

/// What the platform tells by variables of its own.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// `ORT_DYLIB_PATH`: the ONNX Runtime library to load.
    pub ort_library: Option<PathBuf>,
    /// `ECS_CONTAINER_METADATA_URI_V4`: where an ECS task reads of itself.
    pub ecs_metadata: Option<String>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: where telemetry of any kind goes.
    pub otlp_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: where traces go.
    pub otlp_traces_endpoint: Option<String>,
    /// `OTEL_SERVICE_NAME`: the name of the service.
    pub otel_service: Option<String>,
    /// `OTEL_SDK_DISABLED`: whether there are no traces whatever else is said.
    pub otel_disabled: bool,
    /// `XDG_CACHE_HOME`, or `.cache` in `HOME`: where a user's programs keep what they can get again.
    pub cache_home: Option<PathBuf>,
    /// `MLFLOW_TRACKING_URI` and the credentials that go with it.
    pub mlflow: MlflowOptions,
    /// What SageMaker says.
    pub sagemaker: SageMakerVariables,
}

impl Platform {
    /// What the environment holds.
    ///
    /// # Errors
    /// [`ConfigError::Standard`] for a value that makes no sense.
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
    reason = "this module is the reader of the environment"
)]
fn variable(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
