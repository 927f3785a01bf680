//! The models that SageMaker provides next to the program.

use std::path::PathBuf;

use almanac_store::{Source, StoreError, StoreOptions};
use futures_executor::block_on;

use crate::config::models::ModelLayer;
use crate::config::settings::settings;
use crate::config::{Config, ConfigError};

settings! {
    /// The models that SageMaker provides next to the program.
    pub struct SageMakerSettings(SageMakerLayer) in "sagemaker" under "SageMaker" {
        /// Folder of the model that is served if no sources are configured and it is not empty
        model_dir: PathBuf = "/opt/ml/model", Shared("--sagemaker-model-dir <FOLDER>");
        /// Folder of the models of a multi-model endpoint
        models_dir: PathBuf = "/opt/ml/models", Shared("--sagemaker-models-dir <FOLDER>");
        /// Maximum number of loaded models of a multi-model endpoint
        // Each has threads of its own.
        max_models: usize = "200", Shared("--sagemaker-max-models <N>"), 1..;
    }
}

/// The settings of the models that the user chose, which their values alone do not show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choices {
    pub(super) sources: bool,
    pub(super) default_model: bool,
}

impl Choices {
    /// Returns the choices of the flags, the variables and the file.
    pub(super) const fn of(models: &ModelLayer) -> Self {
        Self {
            sources: models.sources.is_some(),
            default_model: models.default.is_some(),
        }
    }
}

impl Config {
    /// Serves the model in `sagemaker.model_dir`, if the user chose no sources.
    ///
    /// A folder that is absent or empty changes nothing. A folder with any content becomes the first
    /// source, and no other model may answer instead of its model: the embedded models are not
    /// served if its model has no name, or the name of an embedded model.
    ///
    /// # Errors
    /// [`ConfigError`] if the folder contains several models and the user chose no default.
    pub(super) fn use_provided_model(&mut self, choices: Choices) -> Result<(), ConfigError> {
        let folder = &self.sagemaker.model_dir;
        if self.platform.sagemaker.is_multi_model {
            if !choices.sources {
                // The platform decides which models are loaded.
                self.models.sources.clear();
            }
            return Ok(());
        }
        let is_empty = std::fs::read_dir(folder).map(|mut entries| entries.next().is_none());
        // A folder that cannot be read may contain a model.
        if choices.sources || !folder.exists() || is_empty.unwrap_or(false) {
            return Ok(());
        }
        let source = Source::Directory(folder.clone());
        let names = model_names(&source, &self.store_options());
        self.models.sources = match &names {
            Ok(names) if !names.is_empty() && !names.iter().any(|name| is_embedded(name)) => {
                vec![source, Source::Embedded]
            }
            _ => vec![source],
        };
        if choices.default_model {
            return Ok(());
        }
        match names.unwrap_or_default().as_slice() {
            // Every request is answered with the reason why the folder has no model.
            [] => Ok(()),
            [name] => {
                self.models.default.clone_from(name);
                Ok(())
            }
            names => Err(ConfigError::value(
                "ALMANAC_DEFAULT_MODEL",
                "not set",
                format!(
                    "{} contains {}; name the model for requests that name none",
                    self.sagemaker.model_dir.display(),
                    names.join(", ")
                ),
            )),
        }
    }

    /// Rejects a second port that another container of the machine may use.
    pub(super) fn check_safe_ports(&self) -> Result<(), ConfigError> {
        match (&self.platform.sagemaker.safe_ports, self.admin.listen) {
            (Some(range), Some(admin)) if !range.contains(&admin.port()) => {
                Err(ConfigError::value(
                    "admin.listen",
                    admin,
                    format!(
                        "SAGEMAKER_SAFE_PORT_RANGE requires a port from {} to {}",
                        range.start(),
                        range.end()
                    ),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the names of the models in `source`, each once.
fn model_names(source: &Source, options: &StoreOptions) -> Result<Vec<String>, StoreError> {
    let listings = block_on(source.open(options)?.list())?;
    let mut names: Vec<_> = listings.into_iter().map(|listing| listing.name).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn is_embedded(name: &str) -> bool {
    model_names(&Source::Embedded, &StoreOptions::default())
        .is_ok_and(|names| names.iter().any(|embedded| embedded == name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SEASONAL: &str = include_str!("../../models/seasonal/1/manifest.toml");

    const NONE: Choices = Choices {
        sources: false,
        default_model: false,
    };

    /// Returns the sources and the default model, if the model folder is `folder`.
    fn outcome_at(folder: &Path, choices: Choices) -> Result<String, String> {
        let mut config = Config::default();
        config.sagemaker.model_dir = folder.to_owned();
        let outcome = config.use_provided_model(choices);
        outcome.map_err(|error| error.to_string())?;
        let sources = config.models.sources.iter().map(|source| match source {
            Source::Directory(path) if path == folder => "folder".to_owned(),
            other => other.to_string(),
        });
        let sources: Vec<_> = sources.collect();
        Ok(format!("{} {}", sources.join(","), config.models.default))
    }

    /// Returns the sources and the default model, if the model folder contains `files`.
    fn outcome(files: &[(&str, &str)], choices: Choices) -> Result<String, String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        outcome_at(root.path(), choices)
    }

    #[test]
    fn the_provided_model_is_served_unless_sources_are_configured() {
        let renamed = SEASONAL.replacen("\"seasonal\"", "\"store\"", 1);
        let [mut sources, mut default_model] = [NONE; 2];
        sources.sources = true;
        default_model.default_model = true;
        for (path, text, choices, expected) in [
            // The only model of the folder is the default.
            ("manifest.toml", &*renamed, NONE, "folder,embedded: store"),
            ("store.onnx", "abc", NONE, "folder,embedded: store"),
            ("store/3/manifest.toml", "x", NONE, "folder,embedded: store"),
            ("a.onnx", "x", default_model, "folder,embedded: almanac"),
            // No model answers instead of one that is broken, of another kind, or has the name of an
            // embedded model.
            ("manifest.toml", "format = 1", NONE, "folder almanac"),
            ("model.pkl", "x", NONE, "folder almanac"),
            ("manifest.toml", SEASONAL, NONE, "folder seasonal"),
            ("almanac.onnx", "x", NONE, "folder almanac"),
            ("store.onnx", "x", sources, "embedded: almanac"),
        ] {
            assert_eq!(outcome(&[(path, text)], choices).unwrap(), expected);
        }
    }

    #[test]
    fn an_absent_or_empty_folder_changes_nothing() {
        let absent = Path::new("/no/such/folder");
        assert_eq!(outcome_at(absent, NONE).unwrap(), "embedded: almanac");
        assert_eq!(outcome(&[], NONE).unwrap(), "embedded: almanac");
        // A file cannot be read as a folder.
        let file = tempfile::NamedTempFile::new().unwrap();
        let unreadable = outcome_at(file.path(), NONE).unwrap();
        assert_eq!(unreadable, "folder almanac");
    }

    #[test]
    fn several_models_need_a_default() {
        let files = [("a/1/manifest.toml", "x"), ("b/1/manifest.toml", "x")];
        let error = outcome(&files, NONE).unwrap_err();
        assert!(error.starts_with("ALMANAC_DEFAULT_MODEL is not set; "));
        assert!(error.contains("contains a, b;"), "{error}");
    }

    #[test]
    fn the_admin_api_needs_a_safe_port() {
        let mut config = Config::default();
        config.platform.sagemaker.safe_ports = Some(30_000..=30_099);
        config.check_safe_ports().unwrap();
        config.admin.listen = Some(([127, 0, 0, 1], 30_001).into());
        config.check_safe_ports().unwrap();
        config.admin.listen = Some(([127, 0, 0, 1], 8_081).into());
        assert_eq!(
            config.check_safe_ports().unwrap_err().to_string(),
            "admin.listen is 127.0.0.1:8081; SAGEMAKER_SAFE_PORT_RANGE requires a port \
             from 30000 to 30099 (--admin-listen, ALMANAC_ADMIN_LISTEN)"
        );
    }
}
