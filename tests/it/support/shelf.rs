//! An in-memory model store whose contents a test controls.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex};

use almanac_engine::registry::OpenError;
use almanac_model::{BundleFiles, PredictError};
use almanac_store::{Listing, Store, StoreError};
use async_trait::async_trait;
use tokio::sync::Notify;

use super::scripted::{Scripted, last_values};

/// A value on which a model with the script `fail` fails.
pub(crate) const FATAL: f64 = 2e6;

/// A model store whose contents a test controls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    content: Arc<Mutex<Content>>,
    barrier: Arc<Barrier>,
}

#[derive(Debug, Default)]
struct Content {
    versions: Vec<ShelvedVersion>,
    is_down: bool,
    /// The scripts of the graphs that were opened.
    opened: Vec<String>,
    revision: usize,
}

#[derive(Debug)]
struct ShelvedVersion {
    listing: Listing,
    script: String,
}

impl Content {
    fn remove(&mut self, name: &str, version: &str) {
        self.versions.retain(|shelved| {
            let listing = &shelved.listing;
            (listing.name.as_str(), listing.version.as_str()) != (name, version)
        });
    }
}

/// Blocks the model with the script `wait` on a request for [`FATAL`], until the test releases it.
#[derive(Debug, Default)]
struct Barrier {
    reached: Notify,
    is_released: Mutex<bool>,
    released: Condvar,
}

impl Shelf {
    /// Adds version `version` of `name`, or replaces it.
    pub(crate) fn put(&self, name: &str, version: &str, script: &str) {
        let mut content = self.content.lock().unwrap();
        content.remove(name, version);
        content.revision += 1;
        let listing = Listing {
            name: name.to_owned(),
            version: version.to_owned(),
            revision: content.revision.to_string(),
        };
        content.versions.push(ShelvedVersion {
            listing,
            script: script.to_owned(),
        });
    }

    pub(crate) fn remove(&self, name: &str, version: &str) {
        self.content.lock().unwrap().remove(name, version);
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.content.lock().unwrap().is_down = is_down;
    }

    /// Waits until the model with the script `wait` is blocked.
    pub(crate) async fn run_started(&self) {
        self.barrier.reached.notified().await;
    }

    /// Releases the model with the script `wait`.
    pub(crate) fn release(&self) {
        *self.barrier.is_released.lock().unwrap() = true;
        self.barrier.released.notify_all();
    }

    /// Returns how often a graph with `script` was opened.
    pub(crate) fn open_count(&self, script: &str) -> usize {
        let content = self.content.lock().unwrap();
        content
            .opened
            .iter()
            .filter(|opened| *opened == script)
            .count()
    }

    /// Records that a graph with `script` is opened.
    pub(super) fn record_opened(&self, script: &str) {
        self.content.lock().unwrap().opened.push(script.to_owned());
    }

    /// Opens a model that handles the last value of a series as `script` says.
    ///
    /// `add N` adds N to it, `fail` fails on [`FATAL`], `wait` blocks on it until
    /// [`Shelf::release`], and any other script, such as `refuse`, cannot be opened.
    pub(super) fn open(&self, script: &str) -> Result<Scripted, OpenError> {
        if let Some(number) = script.strip_prefix("add ") {
            let number: f32 = number.parse()?;
            return Ok(Scripted::new(move |batch| Ok(last_values(batch) + number)));
        }
        match script {
            // Not on the series that every model without golden forecasts is tried on.
            "fail" => Ok(Scripted::new(|batch| {
                let values = last_values(batch);
                if values.iter().any(|value| *value > 1e6) {
                    return Err(PredictError::Runtime("it is out of range".into()));
                }
                Ok(values)
            })),
            "wait" => Ok(self.waiting()),
            _ => Err("no such operator".into()),
        }
    }

    fn waiting(&self) -> Scripted {
        let barrier = Arc::clone(&self.barrier);
        Scripted::new(move |batch| {
            let values = last_values(batch);
            if values.iter().any(|value| *value > 1e6) {
                barrier.reached.notify_one();
                let is_released = barrier.is_released.lock().unwrap();
                let _released = barrier
                    .released
                    .wait_while(is_released, |is_released| !*is_released)
                    .unwrap();
            }
            Ok(values)
        })
    }
}

fn unreadable() -> StoreError {
    StoreError::Unreadable {
        verb: "list",
        path: "the shelf".to_owned(),
        reason: std::io::Error::other("it is closed"),
    }
}

#[async_trait]
impl Store for Shelf {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let content = self.content.lock().unwrap();
        if content.is_down {
            return Err(unreadable());
        }
        Ok(content
            .versions
            .iter()
            .map(|shelved| shelved.listing.clone())
            .collect())
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let content = self.content.lock().unwrap();
        if content.is_down {
            return Err(unreadable());
        }
        let shelved = content
            .versions
            .iter()
            .find(|shelved| shelved.listing == *listing)
            .ok_or_else(|| StoreError::NoSuchVersion {
                name: listing.name.clone(),
                version: listing.version.clone(),
            })?;
        let bytes = Cow::Owned(shelved.script.clone().into_bytes());
        Ok(BundleFiles::from([("model.onnx".to_owned(), bytes)]))
    }
}
