//! The commands that a keeper executes, and the handle that sends them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::registry::{Aliases, Route};

/// The maximum number of queued commands.
const MAX_QUEUED: usize = 16;

/// A handle that sends commands to a keeper. Clones send to the same keeper.
#[derive(Clone, Debug)]
pub struct KeeperHandle {
    commands: mpsc::Sender<KeeperCommand>,
    poll_now: Arc<[Arc<Notify>]>,
}

/// A command, and the channel for its reply.
#[derive(Debug)]
pub(super) struct KeeperCommand {
    pub(super) action: KeeperAction,
    pub(super) reply: oneshot::Sender<CommandReply>,
}

/// The reply to a command.
pub(super) type CommandReply = Result<Overview, CommandError>;

/// The action of a command.
#[derive(Debug)]
pub(super) enum KeeperAction {
    /// Returns an overview.
    Overview,
    /// Loads a version, or the newest one, even if it failed or was removed before.
    Load {
        name: String,
        version: Option<String>,
    },
    /// Removes a version, or the whole model, from memory until it is loaded by a command.
    Remove {
        name: String,
        version: Option<String>,
    },
    /// Replaces the route of a model until the process ends.
    SetRoute { name: String, route: Route },
    /// Sets an alias of a model until the process ends.
    SetAlias {
        name: String,
        alias: String,
        version: String,
    },
    /// Removes an alias of a model until the process ends.
    RemoveAlias { name: String, alias: String },
}

/// The state of a keeper that is not in the records.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The sources in their order of precedence.
    pub sources: Vec<SourceStatus>,
    /// The route of each model.
    pub routes: BTreeMap<String, Route>,
    /// The aliases of each model, and the versions that they were set to.
    pub aliases: Aliases,
}

/// The status of a source.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// The name, as it is written in the configuration.
    pub name: String,
    /// The time at which the source was last read in full.
    pub read_at: Option<Instant>,
    /// The error of the last poll, if it failed.
    pub error: Option<String>,
    /// The number of versions in the source when it was last read.
    pub versions: usize,
}

/// The error returned when a command is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No source has this model.
    #[error("no source has a model {name:?}")]
    UnknownModel {
        /// The name of the model.
        name: String,
        /// The names of the existing models.
        available: Vec<String>,
    },
    /// No source has this version of the model.
    #[error("no source has version {version:?} of model {name}")]
    UnknownVersion {
        /// The name of the model.
        name: String,
        /// The requested version.
        version: String,
        /// The existing versions.
        available: Vec<String>,
    },
    /// The model has no such alias.
    #[error("model {name} has no alias {alias:?}")]
    UnknownAlias {
        /// The name of the model.
        name: String,
        /// The requested alias.
        alias: String,
        /// The aliases of the model.
        available: Vec<String>,
    },
    /// The model has the maximum number of aliases.
    #[error(
        "model {name} has reached the limit of {limit} aliases (models.max_aliases); delete an alias or raise the limit"
    )]
    TooManyAliases {
        /// The name of the model.
        name: String,
        /// The maximum number of aliases.
        limit: usize,
    },
    /// The model or version is in use.
    #[error("{name} cannot be removed: {reason}")]
    InUse {
        /// The name of the model or version.
        name: String,
        /// The reason why it cannot be removed.
        reason: &'static str,
    },
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl KeeperHandle {
    /// Creates a handle that requests polls by `poll_now`, and the receiver of its commands.
    pub(super) fn new(poll_now: Vec<Arc<Notify>>) -> (Self, mpsc::Receiver<KeeperCommand>) {
        let (commands, receiver) = mpsc::channel(MAX_QUEUED);
        let handle = Self {
            commands,
            poll_now: poll_now.into(),
        };
        (handle, receiver)
    }

    /// Polls every source now. Does not wait for the result.
    pub fn poll_sources(&self) {
        for notify in self.poll_now.iter() {
            notify.notify_one();
        }
    }

    /// Returns an overview.
    ///
    /// # Errors
    /// [`CommandError::ShuttingDown`] if the server is shutting down.
    pub async fn overview(&self) -> Result<Overview, CommandError> {
        self.send(KeeperAction::Overview).await
    }

    /// Loads `version` of the model `name`, or the newest version if it is `None`. Does not wait until the
    /// version is ready.
    ///
    /// # Errors
    /// [`CommandError`] if no source has the version.
    pub async fn load(&self, name: &str, version: Option<&str>) -> Result<Overview, CommandError> {
        self.send(KeeperAction::Load {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
        .await
    }

    /// Removes `version` of the model `name` from memory, or the whole model if it is `None`. It is not loaded
    /// again until [`load`](Self::load) is called.
    ///
    /// # Errors
    /// [`CommandError`] if there is no such version, or it is in use.
    pub async fn remove(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Overview, CommandError> {
        self.send(KeeperAction::Remove {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
        .await
    }

    /// Sets the route of the model `name`.
    ///
    /// # Errors
    /// [`CommandError`] if no source has a version of the route.
    pub async fn set_route(&self, name: &str, route: Route) -> Result<Overview, CommandError> {
        let name = name.to_owned();
        self.send(KeeperAction::SetRoute { name, route }).await
    }

    /// Sets `alias` of the model `name` to `version`. The previous version answers until `version` is loaded.
    ///
    /// # Errors
    /// [`CommandError`] if no source has the version, or the model has too many aliases.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        version: &str,
    ) -> Result<Overview, CommandError> {
        self.send(KeeperAction::SetAlias {
            name: name.to_owned(),
            alias: alias.to_owned(),
            version: version.to_owned(),
        })
        .await
    }

    /// Removes `alias` of the model `name`.
    ///
    /// # Errors
    /// [`CommandError`] if there is no such alias.
    pub async fn remove_alias(&self, name: &str, alias: &str) -> Result<Overview, CommandError> {
        self.send(KeeperAction::RemoveAlias {
            name: name.to_owned(),
            alias: alias.to_owned(),
        })
        .await
    }

    /// Sends a command to the keeper, and waits for the reply.
    async fn send(&self, action: KeeperAction) -> Result<Overview, CommandError> {
        let (reply, receiver) = oneshot::channel();
        self.commands
            .send(KeeperCommand { action, reply })
            .await
            .map_err(|_closed| CommandError::ShuttingDown)?;
        receiver.await.unwrap_or(Err(CommandError::ShuttingDown))
    }
}
