//! Locating and loading the ONNX Runtime shared library, with its telemetry off.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use thiserror::Error;

/// The loaded library and its environment. It is created once, before the first session.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

/// The error returned when ONNX Runtime cannot be loaded.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// Telemetry is on. The official builds open an uploader to their vendor as soon as they are loaded.
    #[error(
        "{TELEMETRY_SWITCH} is not 1, so the ONNX Runtime library would send telemetry; set it to 1 before the process starts"
    )]
    TelemetryOn,
    /// There is no library at any of the expected paths.
    #[error(
        "there is no ONNX Runtime library at {}; set ORT_DYLIB_PATH to libonnxruntime of version 1.22 or later, or rebuild where python3 -m pip can download onnxruntime=={}",
        display_all(.searched),
        env!("ORT_PINNED_VERSION")
    )]
    NotFound {
        /// The paths that were searched.
        searched: Vec<PathBuf>,
    },
    /// The library exists and cannot be used.
    #[error(
        "cannot load ONNX Runtime from {library}: {reason}; set ORT_DYLIB_PATH to another libonnxruntime of version 1.22 or later"
    )]
    Unusable {
        /// The path of the library.
        library: String,
        /// The error of the loader.
        reason: String,
    },
}

/// The environment variable that turns the telemetry of the official builds off.
///
/// It is read when the library is loaded; the switch in the C API comes too late for the first event.
pub const TELEMETRY_SWITCH: &str = "ORT_DISABLE_TELEMETRY";

/// The runtime of this process: the library allows one environment.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library at `configured`, or otherwise next to the program, or otherwise where the build put it.
    ///
    /// Later calls return the same runtime.
    ///
    /// # Errors
    /// [`RuntimeError`] names the paths that were searched and the ways to provide a library.
    pub fn load(configured: Option<&Path>) -> Result<Self, RuntimeError> {
        if !is_telemetry_off() {
            return Err(RuntimeError::TelemetryOn);
        }
        let candidates = candidates(configured);
        let Some(library) = candidates.iter().find(|path| path.is_file()) else {
            return Err(RuntimeError::NotFound {
                searched: candidates,
            });
        };
        let unusable = |reason: String| RuntimeError::Unusable {
            library: library.display().to_string(),
            reason,
        };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            if &runtime.library == library {
                return Ok(runtime.clone());
            }
            let other = runtime.library.display();
            return Err(unusable(format!("this process has already loaded {other}")));
        }
        let environment = ort::init_from(library)
            .map_err(|error| unusable(error.to_string()))?
            .with_name("almanac")
            .with_telemetry(false)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let runtime = Self {
            environment,
            library: library.clone(),
        };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Returns the path of the library.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Returns the library's own description of its build.
    #[must_use]
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    pub(super) const fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("library", &self.library)
            .finish_non_exhaustive()
    }
}

/// Returns the paths to search. If a path is configured, it is the only one: a fallback would hide a typing mistake.
fn candidates(configured: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = configured {
        return vec![path.to_owned()];
    }
    let file = format!(
        "{}onnxruntime{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let next_to_program = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join(file)));
    let fetched = Some(PathBuf::from(env!("ORT_FETCHED_DYLIB"))).filter(|path| path.is_absolute());
    next_to_program.into_iter().chain(fetched).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "reads the library's own switch, not the configuration of the program"
)]
fn is_telemetry_off() -> bool {
    std::env::var_os(TELEMETRY_SWITCH).is_some_and(|value| value == "1")
}

fn display_all(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(" or ")
}
