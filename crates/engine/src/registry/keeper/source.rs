//! The content of a source, as it was last read.

use std::sync::Arc;
use std::time::Instant;

use almanac_store::{Listing, Store};
use tokio::sync::Notify;

use crate::registry::hosting::HOST;
use crate::registry::keeper::NamedStore;
use crate::registry::watch::PollResult;

/// A source, and its content when it was last read.
#[derive(Debug)]
pub(super) struct SourceState {
    pub(super) name: String,
    /// The store to poll. `None` for the source of hosted models, whose content a host decides.
    pub(super) store: Option<Arc<dyn Store>>,
    /// Requests a poll.
    pub(super) poll_now: Arc<Notify>,
    /// The content when the source was last read.
    pub(super) listings: Option<Vec<Listing>>,
    pub(super) read_at: Option<Instant>,
    /// The error of the last poll, if it failed.
    pub(super) error: Option<String>,
    /// If true, the first poll has ended.
    pub(super) is_polled: bool,
}

impl SourceState {
    /// Creates a source that has not been polled.
    pub(super) fn new(source: NamedStore) -> Self {
        Self {
            name: source.name,
            store: Some(source.store),
            poll_now: Arc::default(),
            listings: None,
            read_at: None,
            error: None,
            is_polled: false,
        }
    }

    /// Creates the source of hosted models, which is never polled.
    pub(super) fn of_host() -> Self {
        Self {
            name: HOST.to_owned(),
            store: None,
            poll_now: Arc::default(),
            listings: Some(Vec::new()),
            read_at: None,
            error: None,
            is_polled: true,
        }
    }

    /// Records the result of a poll.
    pub(super) fn record_poll(&mut self, result: PollResult) {
        self.is_polled = true;
        match result {
            Ok(listings) => {
                if self.error.take().is_some() {
                    tracing::info!(source = %self.name, "source can be read again");
                }
                self.read_at = Some(Instant::now());
                self.listings = Some(listings);
            }
            Err(error) => {
                let reason = error.to_string();
                // Logged once, not at every poll.
                if self.error.is_none() {
                    tracing::error!(source = %self.name, %reason, "source cannot be read; its versions keep serving");
                }
                self.error = Some(reason);
            }
        }
    }

    /// Describes why the source has not been read.
    pub(super) fn unread_reason(&self) -> String {
        match &self.error {
            Some(reason) => format!("{} cannot be read: {reason}", self.name),
            None => format!("{} has not been read yet", self.name),
        }
    }
}
