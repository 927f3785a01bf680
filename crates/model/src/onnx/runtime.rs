//! Finding and loading the ONNX Runtime shared library, with its telemetry off.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use thiserror::Error;

/// The loaded library and its environment. Made once, before the first session.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

/// Why there is no runtime.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The official builds would open an uploader to their maker as soon as they are loaded.
    #[error(
        "{TELEMETRY_SWITCH} is not 1, and the ONNX Runtime library would send telemetry; set it before the process starts"
    )]
    TelemetryOn,
    /// No library was found.
    #[error(
        "no ONNX Runtime library: looked for {}; either set ORT_DYLIB_PATH to libonnxruntime of version 1.22 or later, or build again where python3 -m pip can download onnxruntime=={}",
        display_all(.looked_for),
        env!("ORT_PINNED_VERSION")
    )]
    NotFound {
        /// Every path that was tried.
        looked_for: Vec<PathBuf>,
    },
    /// The library is there and cannot be used.
    #[error(
        "cannot load ONNX Runtime from {library}: {reason}; set ORT_DYLIB_PATH to another libonnxruntime of version 1.22 or later"
    )]
    Unusable {
        /// Its path.
        library: String,
        /// What the loader said.
        reason: String,
    },
}

/// The variable by which the official builds are told to send nothing. It is read when the library
/// is loaded; the switch in the C API comes too late for the first event.
pub const TELEMETRY_SWITCH: &str = "ORT_DISABLE_TELEMETRY";

/// The runtime of this process: the library allows one environment.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library at `configured`, or else beside the program, or else where the build put
    /// it. A later call gives the same runtime again.
    ///
    /// # Errors
    /// [`RuntimeError`] says where was looked and both ways to provide a library.
    pub fn load(configured: Option<&Path>) -> Result<Self, RuntimeError> {
        if !telemetry_is_off() {
            return Err(RuntimeError::TelemetryOn);
        }
        let candidates = candidates(configured);
        let Some(library) = candidates.iter().find(|path| path.is_file()) else {
            return Err(RuntimeError::NotFound {
                looked_for: candidates,
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
            return Err(unusable(format!("this process uses {other} already")));
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

    /// Where the library lies.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The library's own description of its build.
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

/// An explicit path is the only one tried: falling back to another would hide a typing mistake.
fn candidates(configured: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = configured {
        return vec![path.to_owned()];
    }
    let file = format!(
        "{}onnxruntime{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join(file)));
    let built = Some(PathBuf::from(env!("ORT_FETCHED_DYLIB"))).filter(|path| path.is_absolute());
    beside.into_iter().chain(built).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks about the library's own switch, not for configuration"
)]
fn telemetry_is_off() -> bool {
    std::env::var_os(TELEMETRY_SWITCH).is_some_and(|value| value == "1")
}

fn display_all(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}
