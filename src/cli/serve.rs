//! `almanac serve`.

use crate::app;
use crate::cli::{Failure, configure};
use crate::config::Flags;
use almanac_engine::Saturation;

/// Serves until a signal, on as many threads as the CPU plan says.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let config = configure(flags, false)?;
    let plan = app::cpu_plan(&config);
    let saturation = Saturation::default();
    let resting = saturation.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.runtime_threads)
        // Large bodies are read here; more at once than cores would only hold memory.
        .max_blocking_threads(plan.runtime_threads + 1)
        .on_thread_park(move || resting.rest())
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let report = runtime.block_on(app::serve(config, plan, saturation))?;
    // A large body may still be read for a client that has gone; nobody waits for it.
    runtime.shutdown_background();
    if report.is_clean() {
        return Ok(());
    }
    let message = format!(
        "cut off {} requests at the drain deadline",
        report.n_requests_aborted
    );
    Err(Failure { message, code: 1 })
}
