//! Executing commands.

use crate::registry::Route;
use crate::registry::keeper::Keeper;
use crate::registry::keeper::handle::{
    CommandError, KeeperAction, KeeperCommand, Overview, SourceStatus,
};
use crate::registry::keeper::model::ManagedModel;

impl Keeper {
    /// Executes a command. [`Keeper::send_replies`] sends the reply, after the command has taken effect.
    pub(super) fn execute(&mut self, command: KeeperCommand) {
        let KeeperCommand { action, reply } = command;
        let result = match action {
            KeeperAction::Overview => Ok(()),
            KeeperAction::Load { name, version } => self.request_load(&name, version),
            KeeperAction::Remove {
                name,
                version: Some(version),
            } => self.remove_version(&name, version),
            KeeperAction::Remove {
                name,
                version: None,
            } => self.remove_model(&name),
            KeeperAction::SetRoute { name, route } => self.set_route(&name, route),
            KeeperAction::SetAlias {
                name,
                alias,
                version,
            } => self.set_alias(&name, alias, version),
            KeeperAction::RemoveAlias { name, alias } => self.remove_alias(&name, &alias),
        };
        self.pending_replies.push((reply, result));
    }

    /// Replies to the commands that were executed.
    pub(super) fn send_replies(&mut self) {
        for (reply, result) in std::mem::take(&mut self.pending_replies) {
            // The receiver may have been dropped.
            let _gone = reply.send(result.map(|()| self.overview()));
        }
        if let Some(hosted) = &mut self.hosted {
            hosted.send_replies();
        }
    }

    fn overview(&self) -> Overview {
        Overview {
            sources: self
                .sources
                .iter()
                .map(|source| SourceStatus {
                    name: source.name.clone(),
                    read_at: source.read_at,
                    error: source.error.clone(),
                    versions: source.listings.as_ref().map_or(0, Vec::len),
                })
                .collect(),
            routes: self
                .models
                .iter()
                .map(|(name, model)| (name.clone(), model.route.clone()))
                .collect(),
            aliases: self
                .models
                .iter()
                .map(|(name, model)| (name.clone(), model.aliases.targets()))
                .collect(),
        }
    }

    fn request_load(&mut self, name: &str, version: Option<String>) -> Result<(), CommandError> {
        let versions = self.known_versions(name)?;
        let newest = versions.first().cloned();
        let wanted = version.clone().or(newest).unwrap_or_default();
        check_version(name, &wanted, &versions)?;
        let model = self.models.entry(name.to_owned()).or_default();
        model.is_removed = false;
        model.allow(&wanted);
        model.failures.clear(&wanted);
        model.requested.extend(version);
        tracing::info!(model = %name, version = %wanted, "load requested");
        Ok(())
    }

    fn remove_model(&mut self, name: &str) -> Result<(), CommandError> {
        let is_default = self.registry.default_name() == name;
        let model = self.removable_model(name)?;
        if is_default {
            return Err(CommandError::InUse {
                name: name.to_owned(),
                reason: "it is the default model",
            });
        }
        model.is_removed = true;
        model.clear();
        tracing::info!(model = %name, "model removed");
        Ok(())
    }

    fn remove_version(&mut self, name: &str, version: String) -> Result<(), CommandError> {
        let versions = self.known_versions(name);
        let model = self.removable_model(name)?;
        if model.version(&version).is_none() {
            check_version(name, &version, &versions?)?;
        }
        let is_stable = model
            .stable
            .as_ref()
            .is_some_and(|stable| stable.version == version);
        if is_stable {
            return Err(CommandError::InUse {
                name: format!("{name}/{version}"),
                reason: "it is the stable version; give the model another stable version first",
            });
        }
        model.requested.remove(&version);
        model.evicted.remove(&version);
        model
            .trial
            .take_if(|trial| trial.old.key.version == version);
        model.drop_version(&version);
        tracing::info!(model = %name, %version, "version removed");
        model.removed.insert(version);
        Ok(())
    }

    /// Returns the model `name`, unless a host loaded it.
    fn removable_model(&mut self, name: &str) -> Result<&mut ManagedModel, CommandError> {
        let is_hosted = self
            .hosted
            .as_ref()
            .is_some_and(|hosted| hosted.store(name).is_some());
        let model = self.model_mut(name)?;
        if is_hosted {
            return Err(CommandError::InUse {
                name: name.to_owned(),
                reason: "it was loaded by POST /models; unload it by DELETE /models/NAME",
            });
        }
        Ok(model)
    }

    /// Returns the model `name`, even if it has no version now.
    fn model_mut(&mut self, name: &str) -> Result<&mut ManagedModel, CommandError> {
        if !self.models.contains_key(name) {
            return Err(CommandError::UnknownModel {
                name: name.to_owned(),
                available: self.models.keys().cloned().collect(),
            });
        }
        Ok(self.models.entry(name.to_owned()).or_default())
    }

    fn set_route(&mut self, name: &str, route: Route) -> Result<(), CommandError> {
        let versions = self.known_versions(name)?;
        for version in route.versions() {
            check_version(name, version, &versions)?;
        }
        let model = self.models.entry(name.to_owned()).or_default();
        for version in route.versions() {
            model.allow(version);
        }
        tracing::info!(model = %name, ?route, "route set");
        model.route = route;
        Ok(())
    }

    fn set_alias(
        &mut self,
        name: &str,
        alias: String,
        version: String,
    ) -> Result<(), CommandError> {
        check_version(name, &version, &self.known_versions(name)?)?;
        let limit = self.config.max_aliases;
        let model = self.models.entry(name.to_owned()).or_default();
        let is_new = model.aliases.names().all(|known| *known != alias);
        if is_new && model.aliases.names().count() >= limit {
            return Err(CommandError::TooManyAliases {
                name: name.to_owned(),
                limit,
            });
        }
        model.allow(&version);
        tracing::info!(model = %name, %alias, %version, "alias set");
        model.aliases.set(alias, version);
        Ok(())
    }

    /// Removes an alias. The model may have no version now: its alias may be a configured one.
    fn remove_alias(&mut self, name: &str, alias: &str) -> Result<(), CommandError> {
        let model = self.model_mut(name)?;
        if !model.aliases.remove(alias) {
            return Err(CommandError::UnknownAlias {
                name: name.to_owned(),
                alias: alias.to_owned(),
                available: model.aliases.names().cloned().collect(),
            });
        }
        tracing::info!(model = %name, %alias, "alias removed");
        Ok(())
    }

    /// Returns the versions of `name` in the sources and in memory, the preferred first.
    fn known_versions(&self, name: &str) -> Result<Vec<String>, CommandError> {
        let available = self.available_versions();
        let loaded = self
            .models
            .get(name)
            .into_iter()
            .flat_map(|model| model.loaded.iter().map(|loaded| &loaded.key));
        let mut versions: Vec<String> = Vec::new();
        for key in available.get(name).into_iter().flatten().chain(loaded) {
            if !versions.contains(&key.version) {
                versions.push(key.version.clone());
            }
        }
        if versions.is_empty() {
            return Err(CommandError::UnknownModel {
                name: name.to_owned(),
                available: available.into_keys().collect(),
            });
        }
        Ok(versions)
    }
}

impl ManagedModel {
    /// Allows a version to be loaded that was removed or evicted.
    fn allow(&mut self, version: &str) {
        self.removed.remove(version);
        self.evicted.remove(version);
    }
}

fn check_version(name: &str, version: &str, versions: &[String]) -> Result<(), CommandError> {
    if versions.iter().any(|known| known == version) {
        return Ok(());
    }
    Err(CommandError::UnknownVersion {
        name: name.to_owned(),
        version: version.to_owned(),
        available: versions.to_vec(),
    })
}
