//! Models that a host loads and unloads one by one while the server runs, as SageMaker does with a
//! multi-model endpoint. No source is watched for them; a [`Keeper`](crate::registry::Keeper) keeps
//! them as it keeps all models.

use std::fmt;
use std::sync::Arc;

use bytesize::ByteSize;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::Threads;
use crate::registry::thread::on_own_thread;
use crate::registry::{LiveModel, Registry};
use almanac_store::{Place, StoreError};

/// The source of hosted models, as it is told.
pub(super) const HOST: &str = "sagemaker:";

/// Orders that may wait.
const WAITING: usize = 64;

/// Longest name. The host makes names up: hashes of where it found a model.
const LONGEST_NAME: usize = 256;

/// Finds the model at a place by its address, to be called by a name.
pub type Finder = dyn Fn(&str, &str) -> Result<Place, StoreError> + Send + Sync;

/// Has models loaded and unloaded.
pub struct Hosting {
    registry: Arc<Registry>,
    finder: Arc<Finder>,
    orders: mpsc::Sender<HostOrder>,
}

/// Where a keeper gets the orders of a [`Hosting`] from, and how many models it keeps for it.
#[derive(Debug)]
pub struct HostOrders {
    pub(super) orders: mpsc::Receiver<HostOrder>,
    pub(super) most: usize,
}

/// A model that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedModel {
    /// What its host calls it.
    pub name: String,
    /// Where its host has put it.
    pub url: String,
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub(super) enum HostOrder {
    Load(HostedModel, Place, oneshot::Sender<Result<(), HostError>>),
    Unload(String, oneshot::Sender<Result<Vec<Threads>, HostError>>),
    List(oneshot::Sender<Vec<HostedModel>>),
}

/// Why a host is refused.
#[derive(Debug, Error)]
pub enum HostError {
    /// It calls a model what none can be called.
    #[error(
        "{name:?} cannot name a model; write 1 to {LONGEST_NAME} letters, digits and any of . _ ~ + = : -"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A source has a model of this name.
    #[error("a model {name} comes from {source_name}; give this one another name")]
    Taken {
        /// The name.
        name: String,
        /// The source.
        source_name: String,
    },
    /// It is loaded.
    #[error("model {name} is loaded already")]
    Loaded {
        /// The name.
        name: String,
    },
    /// It is not loaded.
    #[error("no model {name:?} is loaded")]
    NotLoaded {
        /// The name.
        name: String,
    },
    /// There are as many as there may be.
    #[error("{limit} models are loaded, as many as sagemaker.max_models allows; unload one first")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// It needs more memory than is left.
    #[error(
        "the model takes about {}, and {} of the {} of models.memory are taken; unload another first",
        ByteSize(*.needed as u64), ByteSize(*.taken as u64), ByteSize(*.limit as u64)
    )]
    NoMemory {
        /// About how many bytes it takes.
        needed: usize,
        /// About how many the others take.
        taken: usize,
        /// The bound.
        limit: usize,
    },
    /// There is no model at its place, or none that may be read.
    #[error("the url cannot be loaded: {0}")]
    Place(#[from] StoreError),
    /// There is one, and it does not pass the checks.
    #[error("model {name} cannot be loaded: {reason}")]
    Refused {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It could not be read or opened now.
    #[error("model {name} cannot be loaded now: {reason}")]
    Unready {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It was unloaded before it was loaded.
    #[error("model {name} was unloaded while it was being loaded")]
    Unloaded {
        /// The name.
        name: String,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The process ends.
    #[error("the server is shutting down")]
    Ending,
}

impl Hosting {
    /// A host of models of `registry`, which are found by `finder`, at most `most` at once; and what
    /// the keeper of the registry must have.
    #[must_use]
    pub fn new(registry: Arc<Registry>, finder: Arc<Finder>, most: usize) -> (Self, HostOrders) {
        let (sender, orders) = mpsc::channel(WAITING);
        let hosting = Self {
            registry,
            finder,
            orders: sender,
        };
        (hosting, HostOrders { orders, most })
    }

    /// Loads the model at `url` by the name `name`, and waits until it serves. Whoever asks for one
    /// that is being loaded from there waits with the first.
    ///
    /// # Errors
    /// [`HostError`] says why it is not loaded.
    pub async fn load(&self, name: String, url: String) -> Result<(), HostError> {
        check(&name)?;
        if self.find(&name).await.is_ok() {
            return Err(HostError::Loaded { name });
        }
        let model = HostedModel { name, url };
        let (finder, sought) = (Arc::clone(&self.finder), model.clone());
        let found = on_own_thread("look", 0, move |_| finder(&sought.name, &sought.url))?;
        let place = found.await.map_err(|_panic| HostError::Refused {
            name: model.name.clone(),
            reason: "looking for it panicked".to_owned(),
        })??;
        self.order(|answer| HostOrder::Load(model, place, answer))
            .await?
    }

    /// Unloads the model called `name`, and waits until its memory is free: until what it was asked
    /// before is answered.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`].
    pub async fn unload(&self, name: String) -> Result<(), HostError> {
        let threads = self
            .order(|answer| HostOrder::Unload(name, answer))
            .await??;
        for one in threads {
            one.ended().await;
        }
        // The allocator keeps what was freed, and whoever asked for it wants it back.
        on_own_thread("trim", 0, |_| trim())?.await.unwrap_or(());
        Ok(())
    }

    /// The models that are loaded, in order of name.
    ///
    /// # Errors
    /// [`HostError::Ending`].
    pub async fn list(&self) -> Result<Vec<HostedModel>, HostError> {
        self.order(HostOrder::List).await
    }

    /// The model called `name`.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`].
    pub async fn find(&self, name: &str) -> Result<HostedModel, HostError> {
        let mut loaded = self.list().await?.into_iter();
        loaded
            .find(|model| model.name == name)
            .ok_or_else(|| not_loaded(name))
    }

    /// What runs the model called `name`.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`].
    pub fn resolve(&self, name: &str) -> Result<Arc<LiveModel>, HostError> {
        // A name that none can have might be read as that of a version.
        check(name).map_err(|_unfit| not_loaded(name))?;
        let live = self.registry.resolve(Some(name)).ok();
        live.filter(|live| live.source == HOST)
            .ok_or_else(|| not_loaded(name))
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> HostOrder,
    ) -> Result<T, HostError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.send(order(answer)).await;
        sent.map_err(|_| HostError::Ending)?;
        answered.await.map_err(|_| HostError::Ending)
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").finish_non_exhaustive()
    }
}

pub(super) fn not_loaded(name: &str) -> HostError {
    HostError::NotLoaded {
        name: name.to_owned(),
    }
}

/// Neither `/` nor `@`, which separate a name from a version and from an alias.
fn check(name: &str) -> Result<(), HostError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+=:-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(HostError::Name {
        name: name.chars().take(LONGEST_NAME).collect(),
    })
}

/// Gives the system back what the runtime's library has freed. Its memory is the C library's.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    #[expect(unsafe_code, reason = "the C library has no safe interface")]
    // SAFETY: it takes no pointer, and locks whatever it touches.
    let _released = unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_any_hash_and_no_version_or_path() {
        for name in ["a", "store-sales_v2.1", "d414526c49aa==", &"f".repeat(256)] {
            check(name).unwrap();
        }
        for name in [
            "",
            "a/1",
            "a@b",
            "a b",
            "ä",
            "a\n",
            "..\\x",
            &"f".repeat(257),
        ] {
            let told = check(name).unwrap_err().to_string();
            assert!(told.contains("cannot name a model"), "{told}");
            assert!(told.len() < 400, "{told}");
        }
    }
}
