//! The table that requests read: every model and its versions, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::registry::route::Draw;
use crate::registry::{LiveModel, ModelState, Routed};

/// The table that requests read. It is replaced and never changed, so a request sees a consistent state.
#[derive(Clone, Debug, Default)]
pub(super) struct RoutingTable {
    pub(super) models: BTreeMap<String, ModelEntry>,
    /// The sources that have not been read, and the reasons: they may have more models. `None` once every
    /// source was read.
    pub(super) unread: Option<String>,
}

/// A model and its versions.
#[derive(Clone, Debug)]
pub(super) struct ModelEntry {
    /// The state of the stable version.
    pub(super) state: ModelState,
    /// The versions in memory, the latest last.
    pub(super) live: Vec<Arc<LiveModel>>,
    /// The version that answers a share of the requests, and the share.
    pub(super) canary: Option<(Arc<LiveModel>, f64)>,
    /// The version that is run on a share of the answered requests, and the share.
    pub(super) shadow: Option<(Arc<LiveModel>, f64)>,
    /// The versions that were evicted from memory, and are loaded again when a request names them.
    pub(super) evicted: BTreeSet<String>,
    /// The version of each alias.
    pub(super) aliases: BTreeMap<String, AliasEntry>,
}

/// The version of an alias.
#[derive(Clone, Debug)]
pub(super) struct AliasEntry {
    /// The version that answers.
    pub(super) version: String,
    /// If true, the version that the alias was set to is being loaded.
    pub(super) is_loading: bool,
}

impl ModelEntry {
    /// Creates a model in `state`, without a route.
    pub(super) fn new(state: ModelState) -> Self {
        let live = match &state {
            ModelState::Ready(model) => vec![Arc::clone(model)],
            ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => Vec::new(),
        };
        Self {
            state,
            live,
            canary: None,
            shadow: None,
            evicted: BTreeSet::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// Returns the stable version if it is ready.
    pub(super) const fn stable(&self) -> Option<&Arc<LiveModel>> {
        match &self.state {
            ModelState::Ready(stable) => Some(stable),
            ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => None,
        }
    }

    /// Returns the loaded version `version`. If there are two revisions of it, the stable one is preferred.
    pub(super) fn version(&self, version: &str) -> Option<&Arc<LiveModel>> {
        self.stable()
            .into_iter()
            .chain(self.live.iter().rev())
            .find(|live| live.version() == version)
    }

    /// Returns the versions that take part in a request to the model `name`, whose stable version is
    /// `stable`.
    pub(super) fn route(&self, name: &str, stable: &Arc<LiveModel>, draw: Draw<'_>) -> Routed {
        if let Some((canary, share)) = &self.canary
            && draw.is_among(*share, name)
        {
            return Routed {
                model: Arc::clone(canary),
                shadow: None,
            };
        }
        // Always at random: a sticky key would measure the same series again and again.
        let shadow = self
            .shadow
            .as_ref()
            .filter(|(_, share)| Draw::Random.is_among(*share, name))
            .map(|(shadow, _)| Arc::clone(shadow));
        Routed {
            model: Arc::clone(stable),
            shadow,
        }
    }
}
