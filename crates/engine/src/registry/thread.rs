//! Work of minutes and of blocking reads, which neither the runtime's threads nor its blocking pool
//! (sized for request bodies) should do.

use std::io;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// That of a load which somebody waits for. Threads inside of sessions have the niceness of the thread
/// that opens them, and must not have more than a worker has.
pub(super) const NICENESS_OF_WORKERS: i32 = 5;

/// Runs `work` on a thread of its own, which lets others go first by `niceness` and may wait for
/// futures on the runtime it is given. A receiver that fails means that it panicked.
///
/// # Errors
/// The system's, when the thread cannot be started.
///
/// # Panics
/// Outside of a tokio runtime.
pub(super) fn on_own_thread<T: Send + 'static>(
    name: &str,
    niceness: i32,
    work: impl FnOnce(&Handle) -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, receiver) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            yield_by(niceness);
            // Whoever waited may have gone.
            let _unwanted = done.send(work(&runtime));
        })?;
    Ok(receiver)
}

/// Lets others go first by `niceness`. On Linux a thread has one of its own.
pub(super) fn yield_by(niceness: i32) {
    if cfg!(target_os = "linux")
        && niceness > 0
        && let Err(error) = rustix::process::nice(niceness)
    {
        tracing::debug!(%error, "a thread keeps the niceness of its process");
    }
}
