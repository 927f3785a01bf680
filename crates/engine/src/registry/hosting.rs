//! Models that a host loads and unloads one by one while the server runs, as SageMaker does on a
//! multi-model endpoint.
//!
//! No source is watched for these models. A [`Keeper`](crate::registry::Keeper) manages them like all other
//! models.

use std::fmt;
use std::sync::Arc;

use almanac_store::{Place, StoreError};
use bytesize::ByteSize;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::Threads;
use crate::registry::thread::spawn_thread;
use crate::registry::{LiveModel, Registry};

/// The name of the source of hosted models.
pub(super) const HOST: &str = "sagemaker:";

/// The maximum number of queued commands.
const MAX_QUEUED: usize = 64;

/// The maximum length of a model name. The host makes the names up: hashes of the location of a model.
const MAX_NAME_LENGTH: usize = 256;

/// Finds the model at an address. The parameters are the name to give to the model, and the address.
pub type Finder = dyn Fn(&str, &str) -> Result<Place, StoreError> + Send + Sync;

/// Loads and unloads models on behalf of a host.
pub struct Hosting {
    registry: Arc<Registry>,
    finder: Arc<Finder>,
    commands: mpsc::Sender<HostCommand>,
}

/// The receiver of the commands of a [`Hosting`], and the maximum number of its models.
#[derive(Debug)]
pub struct HostCommands {
    pub(super) commands: mpsc::Receiver<HostCommand>,
    pub(super) max_models: usize,
}

/// A model that a host loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedModel {
    /// The name that the host gave to the model.
    pub name: String,
    /// The address at which the host placed the model.
    pub url: String,
}

/// The channel for the reply to a load.
pub(super) type LoadReply = oneshot::Sender<Result<(), HostError>>;

/// The channel for the reply to an unload.
pub(super) type UnloadReply = oneshot::Sender<Result<Vec<Threads>, HostError>>;

/// A command of a host, and the channel for its reply.
#[derive(Debug)]
pub(super) enum HostCommand {
    Load {
        model: HostedModel,
        place: Place,
        reply: LoadReply,
    },
    Unload {
        name: String,
        reply: UnloadReply,
    },
    List {
        reply: oneshot::Sender<Vec<HostedModel>>,
    },
}

/// The error returned when a command of a host is rejected or fails.
#[derive(Debug, Error)]
pub enum HostError {
    /// The name is not a valid model name.
    #[error(
        "invalid model name {name:?}; use 1 to {MAX_NAME_LENGTH} letters, digits and any of . _ ~ + = : -"
    )]
    Name {
        /// The name, cut to the maximum length.
        name: String,
    },
    /// A source has a model with this name.
    #[error("a model {name} comes from {source_name}; use another name")]
    Taken {
        /// The name of the model.
        name: String,
        /// The name of the source.
        source_name: String,
    },
    /// The model is already loaded.
    #[error("model {name} is already loaded")]
    Loaded {
        /// The name of the model.
        name: String,
    },
    /// The model is not loaded.
    #[error("model {name:?} is not loaded")]
    NotLoaded {
        /// The name of the model.
        name: String,
    },
    /// The maximum number of models is loaded.
    #[error(
        "the limit of {limit} models (sagemaker.max_models) is reached; unload another model first"
    )]
    TooMany {
        /// The maximum number of models.
        limit: usize,
    },
    /// The model needs more memory than is available.
    #[error(
        "the model needs about {}, and {} of {} (models.memory) are in use; unload another model first",
        ByteSize(*.needed as u64), ByteSize(*.taken as u64), ByteSize(*.limit as u64)
    )]
    NoMemory {
        /// The estimated memory of the model, in bytes.
        needed: usize,
        /// The estimated memory of the loaded models, in bytes.
        taken: usize,
        /// The memory limit, in bytes.
        limit: usize,
    },
    /// There is no readable model at the address.
    #[error("the url cannot be loaded: {0}")]
    Place(#[from] StoreError),
    /// The model failed a check.
    #[error("model {name} cannot be loaded: {reason}")]
    Refused {
        /// The name of the model.
        name: String,
        /// The reason of the failure.
        reason: String,
    },
    /// The model could not be read or opened, and another attempt may succeed.
    #[error("model {name} cannot be loaded now: {reason}")]
    Unready {
        /// The name of the model.
        name: String,
        /// The reason of the failure.
        reason: String,
    },
    /// The model was unloaded before it was loaded.
    #[error("model {name} was unloaded while it was being loaded")]
    Unloaded {
        /// The name of the model.
        name: String,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Hosting {
    /// Creates a host of at most `max_models` models of `registry`, which are found by `finder`. Also returns
    /// the receiver of its commands, for the keeper of the registry.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        finder: Arc<Finder>,
        max_models: usize,
    ) -> (Self, HostCommands) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        let hosting = Self {
            registry,
            finder,
            commands: sender,
        };
        let commands = HostCommands {
            commands: receiver,
            max_models,
        };
        (hosting, commands)
    }

    /// Loads the model at `url` under the name `name`, and waits until it serves. If that model is already
    /// being loaded from the same address, waits for that load.
    ///
    /// # Errors
    /// [`HostError`] if the model is not loaded.
    pub async fn load(&self, name: String, url: String) -> Result<(), HostError> {
        check_name(&name)?;
        if self.find(&name).await.is_ok() {
            return Err(HostError::Loaded { name });
        }
        let model = HostedModel { name, url };
        let (finder, requested) = (Arc::clone(&self.finder), model.clone());
        let found = spawn_thread("find", 0, move |_| finder(&requested.name, &requested.url))?;
        let place = found.await.map_err(|_panic| HostError::Refused {
            name: model.name.clone(),
            reason: "finding the model panicked".to_owned(),
        })??;
        self.send(|reply| HostCommand::Load {
            model,
            place,
            reply,
        })
        .await?
    }

    /// Unloads the model `name`, and waits until its memory is free: until its pending requests are answered.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`] if there is no such model.
    pub async fn unload(&self, name: String) -> Result<(), HostError> {
        let threads = self
            .send(|reply| HostCommand::Unload { name, reply })
            .await??;
        for one in threads {
            one.ended().await;
        }
        // The allocator keeps freed memory, but the host unloads models to get it back.
        spawn_thread("trim", 0, |_| trim())?.await.unwrap_or(());
        Ok(())
    }

    /// Returns the loaded models, ordered by name.
    ///
    /// # Errors
    /// [`HostError::ShuttingDown`] if the server is shutting down.
    pub async fn list(&self) -> Result<Vec<HostedModel>, HostError> {
        self.send(|reply| HostCommand::List { reply }).await
    }

    /// Returns the loaded model `name`.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`] if there is no such model.
    pub async fn find(&self, name: &str) -> Result<HostedModel, HostError> {
        self.list()
            .await?
            .into_iter()
            .find(|model| model.name == name)
            .ok_or_else(|| not_loaded(name))
    }

    /// Returns the version that serves the model `name`.
    ///
    /// # Errors
    /// [`HostError::NotLoaded`] if there is no such model.
    pub fn resolve(&self, name: &str) -> Result<Arc<LiveModel>, HostError> {
        // An invalid name could be parsed as a reference to a version.
        check_name(name).map_err(|_invalid| not_loaded(name))?;
        self.registry
            .resolve(Some(name))
            .ok()
            .filter(|live| live.source == HOST)
            .ok_or_else(|| not_loaded(name))
    }

    /// Sends a command to the keeper, and waits for the reply.
    async fn send<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> HostCommand,
    ) -> Result<T, HostError> {
        let (reply, receiver) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_closed| HostError::ShuttingDown)?;
        receiver.await.map_err(|_closed| HostError::ShuttingDown)
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

/// Checks the name of a model. It contains neither `/` nor `@`, which separate a name from a version and from
/// an alias.
fn check_name(name: &str) -> Result<(), HostError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+=:-".contains(&byte);
    if (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(HostError::Name {
        name: name.chars().take(MAX_NAME_LENGTH).collect(),
    })
}

/// Returns the freed memory of the inference runtime to the system. The runtime uses the allocator of the C
/// library.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    #[expect(unsafe_code, reason = "the C library has no safe interface")]
    // SAFETY: `malloc_trim` takes no pointer, and locks the arenas that it changes.
    let _released = unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_a_hash_but_not_a_version_or_a_path() {
        for name in ["a", "store-sales_v2.1", "d414526c49aa==", &"f".repeat(256)] {
            check_name(name).unwrap();
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
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("invalid model name"), "{error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}
