//! The `almanac` program: it parses the arguments, runs the subcommand and sets the exit code.

use std::io::Write as _;

use almanac::cli::{Cli, fail_usage};
use clap::Parser as _;
use mimalloc::MiMalloc;

/// The allocator of the program. Most of the small allocations of a request are freed by another
/// thread, which mimalloc does fast; `docs/performance.md` has the figures. ONNX Runtime uses the
/// allocator of the system.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    silence_runtime_telemetry();
    return_large_allocations();
    use_small_pages();
    let code = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => usage(&error),
    };
    leave(code)
}

/// Ends the process without running exit handlers.
///
/// A thread may still be inside ONNX Runtime, opening a model or running a batch that was aborted.
/// The handlers of the library would free the state that it uses: a crash instead of an exit code.
fn leave(code: u8) -> ! {
    almanac_telemetry::logging::flush();
    let _closed_pipe = std::io::stdout().flush();
    signal_hook::low_level::exit(code.into())
}

/// Prints the help or the version, or the error of the arguments in one line.
fn usage(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let _closed_pipe = error.print();
        return 0;
    }
    let text = error.to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    fail_usage(&lines.join(" ").replacen("error: ", "", 1))
}

/// Disables the telemetry of ONNX Runtime: its official builds start an uploader when the library is
/// loaded, unless this variable is set by then.
#[expect(unsafe_code, reason = "sound because no other thread exists yet")]
fn silence_runtime_telemetry() {
    // SAFETY: `main` has just begun and this process has one thread, so nothing else reads the
    // environment at the same time.
    unsafe { std::env::set_var(almanac_model::onnx::runtime::TELEMETRY_SWITCH, "1") };
}

/// Makes the allocator of the system, which ONNX Runtime uses, map each large block separately, so
/// that it is returned to the system when it is freed.
///
/// By default, the allocator stops doing so when the first of them is freed, and keeps large blocks
/// in its heap. A session that is opened packs each weight into memory that it discards if another
/// session has packed it already; that memory, as large as the weights, would never be returned.
#[cfg(target_env = "gnu")]
#[expect(
    unsafe_code,
    reason = "a function of the C library that takes two numbers"
)]
fn return_large_allocations() {
    const LARGE: i32 = 256 * 1_024;
    // SAFETY: `mallopt` accepts any numbers and only stores them; no other thread allocates yet.
    let _is_known = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Disables huge pages for this process.
///
/// The allocator requests them, and a huge page is resident as a whole when one byte of it is used: a
/// quarter of the memory of an idle server would be memory that was never written.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _is_old_kernel = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_env = "gnu"))]
const fn return_large_allocations() {}
