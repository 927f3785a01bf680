//! Looks at one source, at once and then again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::Receiver;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::registry::thread::on_own_thread;
use almanac_store::{Listing, Store};

/// What a look at a source found.
#[derive(Debug)]
pub(super) struct Look {
    /// Place of the source.
    pub(super) source: usize,
    /// What it holds, or why that cannot be read.
    pub(super) found: Result<Vec<Listing>, String>,
}

/// The task that looks at one source.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) source: usize,
    pub(super) store: Arc<dyn Store>,
    /// Time between two looks; only when told to, when `None`.
    pub(super) interval: Option<Duration>,
    /// Longest time of one look.
    pub(super) limit: Duration,
    /// Tells to look now.
    pub(super) nudge: Arc<Notify>,
    pub(super) looks: mpsc::Sender<Look>,
}

type Found = Result<Vec<Listing>, String>;

impl Watch {
    /// Looks until nobody wants to know.
    pub(super) async fn run(self) {
        let mut pending = None;
        loop {
            let found = self.look(&mut pending).await;
            let source = self.source;
            if self.looks.send(Look { source, found }).await.is_err() {
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
                () = self.nudge.notified() => {}
            }
        }
    }

    /// One look, on a thread of its own: a directory on a file server that has gone blocks its reader.
    /// One that is not over within the limit stays `pending`, so that there is never a second.
    async fn look(&self, pending: &mut Option<Receiver<Found>>) -> Found {
        let mut running = match pending.take() {
            Some(running) => running,
            None => self
                .begin()
                .map_err(|error| format!("cannot start a thread: {error}"))?,
        };
        match timeout(self.limit, &mut running).await {
            Ok(found) => found.unwrap_or_else(|_panic| Err("the look panicked".to_owned())),
            Err(_elapsed) => {
                *pending = Some(running);
                Err(format!("it did not answer within {:?}", self.limit))
            }
        }
    }

    fn begin(&self) -> std::io::Result<Receiver<Found>> {
        let (store, limit) = (Arc::clone(&self.store), self.limit);
        on_own_thread("look", 0, move |runtime| {
            let listed = runtime.block_on(async { timeout(limit, store.list()).await });
            let listed =
                listed.map_err(|_elapsed| format!("it did not answer within {limit:?}"))?;
            listed.map_err(|error| error.to_string())
        })
    }
}

/// A tenth more or less, so that the replicas of a service do not all ask at once.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.9..=1.1))
}
