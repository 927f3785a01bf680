//! Puts the ONNX Runtime shared library where the program finds it.
//!
//! The library is taken from the official Python wheel, by pip, when it is not already in the
//! cache. One wheel per platform is pinned by its SHA-256, whatever Python runs pip. The cache lies
//! outside `target/`, so that no profile, feature or `cargo clean` fetches it again.
//!
//! A failed fetch is a warning and not an error: the program can still be pointed to a library at
//! run time, and says so when it starts without one.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script through the environment"
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// The pinned release. `ort` in `Cargo.toml` is made for it.
const VERSION: &str = "1.31.1";

/// One official wheel of that release.
struct Wheel {
    /// pip's name of the platform.
    platform: &'static str,
    sha256: &'static str,
    /// The library's path inside the wheel.
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
    // Not named ALMANAC_: `cargo run` hands these on to the program, which takes such for settings.
    println!("cargo::rustc-env=ORT_PINNED_VERSION={VERSION}");
    let path = match library() {
        Ok(path) => path,
        Err(error) => {
            println!("cargo::warning=no ONNX Runtime {VERSION}: {error}");
            PathBuf::new()
        }
    };
    println!("cargo::rustc-env=ORT_FETCHED_DYLIB={}", path.display());
}

/// The cached library, fetched first when it is absent.
fn library() -> Result<PathBuf, Box<dyn Error>> {
    let (os, arch) = (
        env::var("CARGO_CFG_TARGET_OS")?,
        env::var("CARGO_CFG_TARGET_ARCH")?,
    );
    let wheel = wheel(&os, &arch).ok_or_else(|| format!("no wheel is pinned for {os} {arch}"))?;
    let extension = if os == "macos" { "dylib" } else { "so" };
    let folder = cache()?.join(format!("onnxruntime-{VERSION}-{os}-{arch}"));
    let path = folder.join(format!("libonnxruntime.{extension}"));
    println!("cargo::rerun-if-changed={}", path.display());
    if !path.is_file() {
        fs::create_dir_all(&folder)?;
        fetch(&wheel, &path)?;
    }
    Ok(path)
}

fn cache() -> Result<PathBuf, Box<dyn Error>> {
    let from = |variable| env::var_os(variable).filter(|value| !value.is_empty());
    from("ALMANAC_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| from("XDG_CACHE_HOME").map(|base| Path::new(&base).join("almanac")))
        .or_else(|| from("HOME").map(|base| Path::new(&base).join(".cache/almanac")))
        .ok_or_else(|| "set ALMANAC_CACHE_DIR or HOME".into())
}

/// Downloads the wheel, checks its digest and moves its library to `path` in one step, so that two
/// builds at once never see half a file.
fn fetch(wheel: &Wheel, path: &Path) -> Result<(), Box<dyn Error>> {
    let scratch = PathBuf::from(env::var("OUT_DIR")?).join("wheel");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(Command::new(&python)
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
        .arg(&scratch)
        .arg(format!("onnxruntime=={VERSION}")))?;
    let file = fs::read_dir(&scratch)?
        .next()
        .ok_or("pip wrote no wheel")??
        .path();
    let digest = Sha256::digest(fs::read(&file)?);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if digest != wheel.sha256 {
        return Err(format!(
            "the wheel has SHA-256 {digest}, and {} is pinned",
            wheel.sha256
        )
        .into());
    }
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

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let last = told
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("no message");
    Err(format!("{} failed: {last}", command.get_program().display()).into())
}
