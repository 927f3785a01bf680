//! Provides the ONNX Runtime shared library to the program.
//!
//! The library is extracted from the official Python wheel, which pip downloads if the library is not in the cache. One
//! wheel per platform is pinned by its SHA-256, independent of the Python version that runs pip. The cache is outside
//! `target/`, so that no profile, feature or `cargo clean` causes another download.
//!
//! A failed download is a warning and not an error: the program can still be given a library at run time, and reports
//! a missing one when it starts.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes its parameters to a build script in the environment"
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// The pinned release, for which the `ort` in `Cargo.toml` is built.
const VERSION: &str = "1.31.1";

/// An official wheel of that release.
struct Wheel {
    /// The name of the platform in pip.
    platform: &'static str,
    sha256: &'static str,
    /// The path of the library in the wheel.
    library: &'static str,
}

fn wheel(os: &str, arch: &str) -> Option<Wheel> {
    let linux = "onnxruntime/capi/libonnxruntime.so.1.31.1";
    match (os, arch) {
        ("linux", "x86_64") => Some(Wheel {
            platform: "manylinux_2_28_x86_64",
            sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
            library: linux,
        }),
        ("linux", "aarch64") => Some(Wheel {
            platform: "manylinux_2_28_aarch64",
            sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
            library: linux,
        }),
        ("macos", "aarch64") => Some(Wheel {
            platform: "macosx_14_0_arm64",
            sha256: "60b6b69bfe580eab576cacc5d132a0e9cf2a37fcfd18d46dd191042b1d1ed0d7",
            library: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
        }),
        _ => None,
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["ALMANAC_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PYTHON"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    // `cargo run` passes these variables to the program, which would read one named ALMANAC_ as a setting.
    println!("cargo::rustc-env=ORT_PINNED_VERSION={VERSION}");
    let path = match library() {
        Ok(path) => path,
        Err(error) => {
            println!("cargo::warning=cannot provide ONNX Runtime {VERSION}: {error}");
            PathBuf::new()
        }
    };
    println!("cargo::rustc-env=ORT_FETCHED_DYLIB={}", path.display());
}

/// Returns the path of the cached library, and downloads it first if it is absent.
fn library() -> Result<PathBuf, Box<dyn Error>> {
    let (os, arch) = (
        env::var("CARGO_CFG_TARGET_OS")?,
        env::var("CARGO_CFG_TARGET_ARCH")?,
    );
    let wheel = wheel(&os, &arch).ok_or_else(|| {
        format!("no wheel is pinned for {os} {arch}; set ORT_DYLIB_PATH at run time")
    })?;
    let extension = if os == "macos" { "dylib" } else { "so" };
    let folder = cache_folder()?.join(format!("onnxruntime-{VERSION}-{os}-{arch}"));
    let path = folder.join(format!("libonnxruntime.{extension}"));
    println!("cargo::rerun-if-changed={}", path.display());
    if !path.is_file() {
        fs::create_dir_all(&folder)?;
        fetch(&wheel, &path)?;
    }
    Ok(path)
}

fn cache_folder() -> Result<PathBuf, Box<dyn Error>> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    variable("ALMANAC_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| Path::new(&base).join("almanac")))
        .or_else(|| variable("HOME").map(|base| Path::new(&base).join(".cache/almanac")))
        .ok_or_else(|| "there is no cache folder; set ALMANAC_CACHE_DIR or HOME".into())
}

/// Downloads the wheel, checks its digest and moves its library to `path`.
///
/// The move is atomic, so that a concurrent build never reads a partial file.
fn fetch(wheel: &Wheel, path: &Path) -> Result<(), Box<dyn Error>> {
    let scratch = PathBuf::from(env::var("OUT_DIR")?).join("wheel");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let file = download(&python, wheel, &scratch)?;
    check_digest(&file, wheel.sha256)?;
    run(Command::new(&python)
        .args(["-m", "zipfile", "-e"])
        .arg(&file)
        .arg(&scratch))?;
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    fs::copy(scratch.join(wheel.library), &partial)?;
    fs::rename(&partial, path)?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// Downloads the wheel into the empty folder `scratch`, and returns its path.
fn download(python: &str, wheel: &Wheel, scratch: &Path) -> Result<PathBuf, Box<dyn Error>> {
    run(Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ])
        .args(["--only-binary", ":all:", "--implementation", "cp"])
        .args([
            "--python-version",
            "3.11",
            "--abi",
            "cp311",
            "--platform",
            wheel.platform,
        ])
        .arg("--dest")
        .arg(scratch)
        .arg(format!("onnxruntime=={VERSION}")))?;
    let file = fs::read_dir(scratch)?
        .next()
        .ok_or("pip downloaded no wheel")??;
    Ok(file.path())
}

/// Checks that `file` has the SHA-256 `expected`.
fn check_digest(file: &Path, expected: &str) -> Result<(), Box<dyn Error>> {
    let digest: String = Sha256::digest(fs::read(file)?)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if digest != expected {
        return Err(
            format!("the wheel has SHA-256 {digest} instead of the pinned {expected}").into(),
        );
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last_line = stderr
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("no message");
    Err(format!("{} failed: {last_line}", command.get_program().display()).into())
}
