//! Obeying orders.

use crate::registry::Route;
use crate::registry::keeper::Keeper;
use crate::registry::keeper::handle::{Order, OrderError, Overview, SourceStatus, Wish};

impl Keeper {
    /// Does what is wished, or finds why not. [`Keeper::answer`] says so, once it has taken effect.
    pub(super) fn obey(&mut self, order: Order) {
        let Order { wish, answer } = order;
        let obeyed = match wish {
            Wish::Overview => Ok(()),
            Wish::Load(name, version) => self.order_load(&name, version),
            Wish::Remove(name, version) => self.order_removal(&name, version),
            Wish::Route(name, route) => self.order_route(&name, route),
            Wish::Alias(name, alias, Some(version)) => self.order_alias(&name, alias, version),
            Wish::Alias(name, alias, None) => self.order_alias_removal(&name, &alias),
        };
        self.obeyed.push((answer, obeyed));
    }

    /// Answers the orders that were obeyed.
    pub(super) fn answer(&mut self) {
        for (answer, obeyed) in std::mem::take(&mut self.obeyed) {
            // Whoever asked may have gone.
            let _gone = answer.send(obeyed.map(|()| self.overview()));
        }
        if let Some(hosted) = &mut self.hosted {
            hosted.answer();
        }
    }

    fn overview(&self) -> Overview {
        let sources = self.sources.iter().map(|seen| SourceStatus {
            name: seen.name.clone(),
            read_at: seen.read_at,
            error: seen.error.clone(),
            versions: seen.listings.as_ref().map_or(0, Vec::len),
        });
        let routes = self.models.iter();
        let routes = routes.map(|(name, kept)| (name.clone(), kept.route.clone()));
        let aliases = self.models.iter();
        let aliases = aliases.map(|(name, kept)| (name.clone(), kept.aliases.targets()));
        Overview {
            sources: sources.collect(),
            routes: routes.collect(),
            aliases: aliases.collect(),
        }
    }

    fn order_load(&mut self, name: &str, version: Option<String>) -> Result<(), OrderError> {
        let versions = self.versions(name)?;
        let newest = versions.first().cloned();
        let wanted = version.clone().or(newest).unwrap_or_default();
        known(name, &wanted, &versions)?;
        let kept = self.models.entry(name.to_owned()).or_default();
        kept.is_removed = false;
        kept.removed.remove(&wanted);
        kept.asleep.remove(&wanted);
        kept.failures.forgive(&wanted);
        kept.asked.extend(version);
        tracing::info!(model = %name, version = %wanted, "told to load");
        Ok(())
    }

    fn order_removal(&mut self, name: &str, version: Option<String>) -> Result<(), OrderError> {
        let versions = self.versions(name);
        let default = self.registry.default_name() == name;
        let available = self.models.keys().cloned().collect();
        let Some(kept) = self.models.get_mut(name) else {
            return Err(OrderError::UnknownModel {
                name: name.to_owned(),
                available,
            });
        };
        let hosted = self.hosted.as_ref();
        if hosted.is_some_and(|hosted| hosted.store(name).is_some()) {
            return Err(OrderError::InUse {
                name: name.to_owned(),
                reason: "its host has loaded it, and unloads it by DELETE /models/NAME",
            });
        }
        let Some(version) = version else {
            if default {
                return Err(OrderError::InUse {
                    name: name.to_owned(),
                    reason: "it is the default model",
                });
            }
            kept.is_removed = true;
            kept.clear();
            tracing::info!(model = %name, "told to remove");
            return Ok(());
        };
        if kept.version(&version).is_none() {
            known(name, &version, &versions?)?;
        }
        if kept
            .stable
            .as_ref()
            .is_some_and(|stable| stable.version == version)
        {
            return Err(OrderError::InUse {
                name: format!("{name}/{version}"),
                reason: "it is the version that answers; give the model another stable version first",
            });
        }
        kept.asked.remove(&version);
        kept.asleep.remove(&version);
        kept.trial.take_if(|trial| trial.old.key.version == version);
        kept.drop_version(&version);
        tracing::info!(model = %name, %version, "told to remove");
        kept.removed.insert(version);
        Ok(())
    }

    fn order_route(&mut self, name: &str, route: Route) -> Result<(), OrderError> {
        let versions = self.versions(name)?;
        for version in route.versions() {
            known(name, version, &versions)?;
        }
        let kept = self.models.entry(name.to_owned()).or_default();
        for version in route.versions() {
            kept.removed.remove(version);
            kept.asleep.remove(version);
        }
        tracing::info!(model = %name, ?route, "told to route");
        kept.route = route;
        Ok(())
    }

    fn order_alias(
        &mut self,
        name: &str,
        alias: String,
        version: String,
    ) -> Result<(), OrderError> {
        known(name, &version, &self.versions(name)?)?;
        let limit = self.config.max_aliases;
        let kept = self.models.entry(name.to_owned()).or_default();
        let is_new = kept.aliases.names().all(|known| *known != alias);
        if is_new && kept.aliases.names().count() >= limit {
            return Err(OrderError::TooManyAliases {
                name: name.to_owned(),
                limit,
            });
        }
        kept.removed.remove(&version);
        kept.asleep.remove(&version);
        tracing::info!(model = %name, %alias, %version, "told to set an alias");
        kept.aliases.point(alias, version);
        Ok(())
    }

    fn order_alias_removal(&mut self, name: &str, alias: &str) -> Result<(), OrderError> {
        // Of a model that has no version now, too: its alias may be the configured one.
        let Some(kept) = self.models.get_mut(name) else {
            return Err(OrderError::UnknownModel {
                name: name.to_owned(),
                available: self.models.keys().cloned().collect(),
            });
        };
        if !kept.aliases.remove(alias) {
            return Err(OrderError::UnknownAlias {
                name: name.to_owned(),
                alias: alias.to_owned(),
                available: kept.aliases.names().cloned().collect(),
            });
        }
        tracing::info!(model = %name, %alias, "told to remove an alias");
        Ok(())
    }

    /// The versions of `name` that sources or memory hold, the preferred first.
    fn versions(&self, name: &str) -> Result<Vec<String>, OrderError> {
        let in_sources = self.in_sources();
        let held = in_sources.get(name).into_iter().flatten();
        let kept = self.models.get(name).into_iter();
        let live = kept.flat_map(|kept| kept.held.iter().map(|held| &held.key));
        let mut versions: Vec<String> = Vec::new();
        for key in held.chain(live) {
            if !versions.contains(&key.version) {
                versions.push(key.version.clone());
            }
        }
        if versions.is_empty() {
            return Err(OrderError::UnknownModel {
                name: name.to_owned(),
                available: in_sources.into_keys().collect(),
            });
        }
        Ok(versions)
    }
}

fn known(name: &str, version: &str, versions: &[String]) -> Result<(), OrderError> {
    if versions.iter().any(|known| known == version) {
        return Ok(());
    }
    Err(OrderError::UnknownVersion {
        name: name.to_owned(),
        version: version.to_owned(),
        available: versions.to_vec(),
    })
}
