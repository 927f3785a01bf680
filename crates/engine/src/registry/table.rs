//! What requests look up: every model and its versions, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::registry::route::Draw;
use crate::registry::{LiveModel, ModelState, Routed};

/// Every model. Never changed, only replaced, so that a request sees one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) models: BTreeMap<String, Model>,
    /// Why there may be more models than these; `None` once every source was read.
    pub(super) unread: Option<String>,
}

/// One model.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Where the version stands that answers.
    pub(super) state: ModelState,
    /// Every version in memory, the latest last.
    pub(super) live: Vec<Arc<LiveModel>>,
    /// What answers a share of the requests.
    pub(super) canary: Option<(Arc<LiveModel>, f64)>,
    /// What is run on a share of what was answered.
    pub(super) shadow: Option<(Arc<LiveModel>, f64)>,
    /// Versions that are loaded again when they are asked for.
    pub(super) asleep: BTreeSet<String>,
    /// What each alias stands for.
    pub(super) aliases: BTreeMap<String, AliasEntry>,
}

/// What an alias stands for.
#[derive(Clone, Debug)]
pub(super) struct AliasEntry {
    /// The version.
    pub(super) version: String,
    /// Whether that which it is to stand for is being loaded.
    pub(super) is_loading: bool,
}

impl Model {
    /// One without versions, that stands at `state`.
    pub(super) fn at(state: ModelState) -> Self {
        let live = match &state {
            ModelState::Ready(model) => vec![Arc::clone(model)],
            ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => Vec::new(),
        };
        Self {
            state,
            live,
            canary: None,
            shadow: None,
            asleep: BTreeSet::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// The version that is called `version`: the one that answers, where two are.
    pub(super) fn version(&self, version: &str) -> Option<&Arc<LiveModel>> {
        let stable = match &self.state {
            ModelState::Ready(stable) => Some(stable),
            ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => None,
        };
        let live = stable.into_iter().chain(self.live.iter().rev());
        let mut live = live.filter(|live| live.version() == version);
        live.next()
    }

    /// What answers a request, where `stable` is the version that answers most, and what is run beside it.
    pub(super) fn route(&self, name: &str, stable: &Arc<LiveModel>, draw: Draw<'_>) -> Routed {
        if let Some((canary, share)) = &self.canary
            && draw.is_among(*share, name)
        {
            return Routed {
                model: Arc::clone(canary),
                shadow: None,
            };
        }
        let shadow = self.shadow.as_ref();
        // Drawn by chance in any case: a key that is always run twice would be measured alone.
        let shadow = shadow.filter(|(_, share)| Draw::Random.is_among(*share, name));
        Routed {
            model: Arc::clone(stable),
            shadow: shadow.map(|(shadow, _)| Arc::clone(shadow)),
        }
    }
}
