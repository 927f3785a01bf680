//! Polling of one source.

use std::sync::Arc;
use std::time::Duration;

use almanac_store::{Listing, Store, StoreError};
use thiserror::Error;
use tokio::sync::oneshot::Receiver;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::registry::thread::spawn_thread;

/// The result of one poll of a source.
#[derive(Debug)]
pub(super) struct SourcePoll {
    /// The index of the source.
    pub(super) source: usize,
    pub(super) listings: PollResult,
}

/// The versions in a source.
pub(super) type PollResult = Result<Vec<Listing>, PollError>;

/// The error returned when a source cannot be read.
#[derive(Debug, Error)]
pub(super) enum PollError {
    /// The source reported an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source did not respond in time.
    #[error("the source did not respond within {0:?}")]
    Slow(Duration),
    /// The thread that reads the source cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The thread that reads the source panicked.
    #[error("reading the source panicked")]
    Panicked,
}

/// The task that polls one source.
#[derive(Debug)]
pub(super) struct SourceWatcher {
    pub(super) source: usize,
    pub(super) store: Arc<dyn Store>,
    /// The time between two polls. `None` polls only at the start and on request.
    pub(super) interval: Option<Duration>,
    /// The maximum duration of one poll.
    pub(super) limit: Duration,
    /// Requests a poll.
    pub(super) poll_now: Arc<Notify>,
    pub(super) polls: mpsc::Sender<SourcePoll>,
}

impl SourceWatcher {
    /// Polls until the receiver of the polls is dropped.
    pub(super) async fn run(self) {
        let mut pending = None;
        loop {
            let poll = SourcePoll {
                source: self.source,
                listings: self.poll(&mut pending).await,
            };
            if self.polls.send(poll).await.is_err() {
                return;
            }
            let pause = async {
                match self.interval {
                    Some(interval) => tokio::time::sleep(jittered(interval)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.poll_now.notified() => {}
            }
        }
    }

    /// Polls the source on a separate thread, because a directory on a file server that is down blocks its
    /// reader. A poll that exceeds the limit stays `pending`, so that there is never a second one.
    async fn poll(&self, pending: &mut Option<Receiver<PollResult>>) -> PollResult {
        let mut running = match pending.take() {
            Some(running) => running,
            None => self.start_poll()?,
        };
        match timeout(self.limit, &mut running).await {
            Ok(received) => received.unwrap_or(Err(PollError::Panicked)),
            Err(_elapsed) => {
                *pending = Some(running);
                Err(PollError::Slow(self.limit))
            }
        }
    }

    fn start_poll(&self) -> std::io::Result<Receiver<PollResult>> {
        let (store, limit) = (Arc::clone(&self.store), self.limit);
        spawn_thread("poll", 0, move |runtime| {
            let listed = runtime.block_on(async { timeout(limit, store.list()).await });
            Ok(listed.map_err(|_elapsed| PollError::Slow(limit))??)
        })
    }
}

/// Varies `interval` by up to a tenth, so that the replicas of a service do not poll at the same time.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.9..=1.1))
}
