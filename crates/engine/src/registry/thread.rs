//! Threads for work that takes minutes or blocks on reads.
//!
//! Neither the threads of the runtime nor its blocking pool, which is sized for request bodies, should do
//! such work.

use std::io;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The niceness of a load that a caller waits for. The threads of a session inherit the niceness of the
/// thread that opens it, and must not get a higher one than a worker.
pub(super) const WORKER_NICENESS: i32 = 5;

/// Runs `work` on a new thread with the given niceness. `work` may wait for futures on the runtime that it
/// receives. The receiver fails if `work` panics.
///
/// # Errors
/// The error of the system if the thread cannot be started.
///
/// # Panics
/// Outside of a tokio runtime.
pub(super) fn spawn_thread<T: Send + 'static>(
    name: &str,
    niceness: i32,
    work: impl FnOnce(&Handle) -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            lower_priority(niceness);
            // The receiver may have been dropped.
            let _gone = sender.send(work(&runtime));
        })?;
    Ok(receiver)
}

/// Raises the niceness of the current thread. On Linux each thread has its own.
pub(super) fn lower_priority(niceness: i32) {
    if cfg!(target_os = "linux")
        && niceness > 0
        && let Err(error) = rustix::process::nice(niceness)
    {
        tracing::debug!(%error, "cannot lower the priority of a thread");
    }
}
