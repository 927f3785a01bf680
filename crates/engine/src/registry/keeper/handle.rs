//! How others give the keeper orders, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::registry::{Aliases, Route};

/// Orders that may wait.
const WAITING: usize = 16;

/// Gives a keeper orders; clones share it.
#[derive(Clone, Debug)]
pub struct KeeperHandle {
    orders: mpsc::Sender<Order>,
    nudges: Arc<[Arc<Notify>]>,
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) wish: Wish,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What is answered to an order.
pub(super) type Answer = Result<Overview, OrderError>;

/// What is wished.
#[derive(Debug)]
pub(super) enum Wish {
    /// Nothing but an overview.
    Overview,
    /// A version, the newest when `None`, loaded whatever became of it before.
    Load(String, Option<String>),
    /// A version, or all of a model, out of memory for good.
    Remove(String, Option<String>),
    /// Another route, until the process ends.
    Route(String, Route),
    /// An alias of a model for a version, or no more when `None`, until the process ends.
    Alias(String, String, Option<String>),
}

/// What a keeper knows beside the records.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The sources in their order of precedence.
    pub sources: Vec<SourceStatus>,
    /// The route of each model.
    pub routes: BTreeMap<String, Route>,
    /// The aliases of each model, and the versions that they are to stand for.
    pub aliases: Aliases,
}

/// A source and the last looks at it.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// As configuration writes it.
    pub name: String,
    /// When it was last read in full.
    pub read_at: Option<Instant>,
    /// Why it cannot be read now.
    pub error: Option<String>,
    /// How many versions it held when it was last read.
    pub versions: usize,
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// No source has such a model.
    #[error("no source has a model {name:?}")]
    UnknownModel {
        /// The name.
        name: String,
        /// The models that there are.
        available: Vec<String>,
    },
    /// No source has such a version of it.
    #[error("no source has version {version:?} of model {name}")]
    UnknownVersion {
        /// The name.
        name: String,
        /// The version.
        version: String,
        /// The versions that there are.
        available: Vec<String>,
    },
    /// The model has no such alias.
    #[error("model {name} has no alias {alias:?}")]
    UnknownAlias {
        /// The name.
        name: String,
        /// The alias.
        alias: String,
        /// The aliases that it has.
        available: Vec<String>,
    },
    /// The model has all the aliases that it may have.
    #[error(
        "model {name} has {limit} aliases, as many as models.max_aliases allows; delete one, or raise the limit"
    )]
    TooManyAliases {
        /// The name.
        name: String,
        /// How many it may have.
        limit: usize,
    },
    /// It is what answers.
    #[error("{name} cannot be removed, for {reason}")]
    InUse {
        /// The model, or the version.
        name: String,
        /// What it is used for.
        reason: &'static str,
    },
    /// The process ends.
    #[error("the server is shutting down")]
    Ending,
}

impl KeeperHandle {
    /// A handle that nudges the watches with `nudges`, and where its orders arrive.
    pub(super) fn new(nudges: Vec<Arc<Notify>>) -> (Self, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(WAITING);
        let nudges = nudges.into();
        (Self { orders, nudges }, receiver)
    }

    /// Has every source looked at now.
    pub fn look(&self) {
        for nudge in self.nudges.iter() {
            nudge.notify_one();
        }
    }

    /// What the keeper knows.
    ///
    /// # Errors
    /// [`OrderError::Ending`].
    pub async fn overview(&self) -> Result<Overview, OrderError> {
        self.order(Wish::Overview).await
    }

    /// Has `version` of `name` loaded, the newest when `None`. It is not waited for.
    ///
    /// # Errors
    /// [`OrderError`] when no source has it.
    pub async fn load(&self, name: &str, version: Option<&str>) -> Result<Overview, OrderError> {
        let version = version.map(str::to_owned);
        self.order(Wish::Load(name.to_owned(), version)).await
    }

    /// Takes `version` of `name` out of memory, or all of the model when `None`, and does not load it
    /// again until it is told to.
    ///
    /// # Errors
    /// [`OrderError`] when there is none, or it answers.
    pub async fn remove(&self, name: &str, version: Option<&str>) -> Result<Overview, OrderError> {
        let version = version.map(str::to_owned);
        self.order(Wish::Remove(name.to_owned(), version)).await
    }

    /// Sets the route of `name`.
    ///
    /// # Errors
    /// [`OrderError`] when no source has a version that it names.
    pub async fn set_route(&self, name: &str, route: Route) -> Result<Overview, OrderError> {
        self.order(Wish::Route(name.to_owned(), route)).await
    }

    /// Has `alias` of `name` stand for `version`, as soon as that is in memory.
    ///
    /// # Errors
    /// [`OrderError`] when no source has the version, or the model has too many aliases.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        version: &str,
    ) -> Result<Overview, OrderError> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        let wish = Wish::Alias(name, alias, Some(version.to_owned()));
        self.order(wish).await
    }

    /// Removes `alias` of `name`.
    ///
    /// # Errors
    /// [`OrderError`] when there is none.
    pub async fn remove_alias(&self, name: &str, alias: &str) -> Result<Overview, OrderError> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.order(Wish::Alias(name, alias, None)).await
    }

    async fn order(&self, wish: Wish) -> Result<Overview, OrderError> {
        let (answer, answered) = oneshot::channel();
        let order = Order { wish, answer };
        self.orders
            .send(order)
            .await
            .map_err(|_| OrderError::Ending)?;
        answered.await.unwrap_or(Err(OrderError::Ending))
    }
}
