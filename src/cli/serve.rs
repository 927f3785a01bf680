//! `almanac serve`.

use almanac_engine::Saturation;

use crate::app;
use crate::cli::{CliError, configure};
use crate::config::Flags;

/// Serves until a signal ends the process, on the threads of the CPU plan.
pub(super) fn run(flags: &Flags) -> Result<(), CliError> {
    let config = configure(flags, false)?;
    let plan = app::cpu_plan(&config);
    let saturation = Saturation::default();
    let parked = saturation.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.runtime_threads)
        // Large bodies are read on these threads; more than one per core would only use memory.
        .max_blocking_threads(plan.runtime_threads + 1)
        .on_thread_park(move || parked.pause())
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let report = runtime.block_on(app::serve(config, plan, saturation))?;
    // A large body may still be read for a client that has disconnected.
    runtime.shutdown_background();
    if report.is_clean() {
        return Ok(());
    }
    let message = format!(
        "requests aborted at the drain deadline: {}",
        report.n_requests_aborted
    );
    Err(CliError { message, code: 1 })
}
