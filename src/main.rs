//! The `almanac` program: arguments in, exit code out.

use std::io::Write as _;

use almanac::cli::Cli;
use clap::Parser as _;
use mimalloc::MiMalloc;

/// Most of a request's small allocations are freed by another thread than took them, at which this
/// one is quick; `docs/performance.md` has the figures. ONNX Runtime keeps to the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    silence_runtime_telemetry();
    give_back_large_allocations();
    use_small_pages();
    let code = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => usage(&error),
    };
    leave(code)
}

/// Ends the process without running exit handlers.
///
/// A thread may still be inside ONNX Runtime, opening a model or running a batch that was cut off,
/// and the library's own handlers would take its state away under it: a crash instead of a code.
fn leave(code: u8) -> ! {
    almanac_telemetry::logging::flush();
    let _closed_pipe = std::io::stdout().flush();
    signal_hook::low_level::exit(code.into())
}

/// Prints what was asked for, or in one line what is wrong with the arguments.
fn usage(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let _closed_pipe = error.print();
        return 0;
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
    unsafe { std::env::set_var(almanac_model::onnx::runtime::TELEMETRY_SWITCH, "1") };
}

/// Makes the system's allocator, which ONNX Runtime uses, map large blocks on their own.
///
/// By default it does so only until the first of them is freed, and from then on keeps them in its
/// heap: a session that is opened packs each weight into memory that it throws away when another
/// session has packed it already, and that memory, as much as the weights, would never be given back.
#[cfg(target_env = "gnu")]
#[expect(
    unsafe_code,
    reason = "a setting of the C library, which takes two numbers"
)]
fn give_back_large_allocations() {
    const LARGE: i32 = 256 * 1_024;
    // SAFETY: `mallopt` takes any numbers and only stores them; no other thread allocates yet.
    let _is_known = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Keeps huge pages from being used for this process.
///
/// The allocator asks for them, and a huge page is resident whole when one byte of it is in use: a
/// quarter of an idle server's memory would be what nothing has written to.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _is_old_kernel = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_env = "gnu"))]
const fn give_back_large_allocations() {}
