//! `almanac serve`.

use std::time::Duration;

use crate::app;
use crate::cli::{Failure, configure};
use crate::config::Flags;
use crate::engine::Saturation;

/// How long a thread of the runtime rests before it looks for more, while requests wait for a model
/// already. Short beside any run of a model, long enough for a dozen requests to come.
const REST: Duration = Duration::from_micros(300);

/// Serves until a signal, on as many threads as the CPU plan says.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let config = configure(flags, false)?;
    let plan = app::cpu_plan(&config);
    let saturation = Saturation::default();
    let is_saturated = saturation.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.runtime_threads)
        // Large bodies are read here; more at once than cores would only hold memory.
        .max_blocking_threads(plan.runtime_threads + 1)
        .on_thread_park(move || rest_while(&is_saturated))
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

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for: the thread gives its core to a model"
)]
fn rest_while(saturated: &Saturation) {
    if saturated.is_any() {
        std::thread::sleep(REST);
    }
}
