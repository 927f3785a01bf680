//! The `almanac` program: arguments in, exit code out.

use std::process::ExitCode;

use almanac::cli::Cli;
use clap::Parser as _;

fn main() -> ExitCode {
    silence_runtime_telemetry();
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => usage(&error),
    }
}

/// Prints what was asked for, or in one line what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _closed_pipe = error.print();
        return ExitCode::SUCCESS;
    }
    let told = error.to_string();
    let told: Vec<_> = told
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    almanac::cli::fail_usage(&told.join(" ").replacen("error: ", "", 1))
}

/// The official ONNX Runtime builds start an uploader to their maker when the library is loaded,
/// unless this variable says otherwise by then.
#[expect(
    unsafe_code,
    reason = "set before any other thread exists, which is what makes it sound"
)]
fn silence_runtime_telemetry() {
    // SAFETY: `main` has just begun and this process has one thread, so nothing reads the
    // environment at the same time.
    unsafe { std::env::set_var(almanac::onnx::runtime::TELEMETRY_SWITCH, "1") };
}
