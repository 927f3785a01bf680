//! How models come that SageMaker puts beside the program, and which settings follow from its
//! variables.

use std::path::PathBuf;

use clap::Args;
use futures_executor::block_on;
use serde::Deserialize;
use toml::{Table, Value};

use crate::config::{Bytes, Config, ConfigError};
use almanac_store::{Source, StoreError, StoreOptions};

/// How models come that SageMaker puts beside the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SageMaker {
    /// The folder of the one model, served when no sources are configured and it is not empty.
    pub model_dir: PathBuf,
    /// The folder below which the models lie that a multi-model endpoint has loaded.
    pub models_dir: PathBuf,
    /// How many of them may be loaded at once.
    pub max_models: usize,
}

/// The settings of [`SageMaker`] as flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "SageMaker")]
pub struct SageMakerFlags {
    /// Folder of the model that is served when no sources are configured [default: /opt/ml/model]
    #[arg(
        long,
        value_name = "FOLDER",
        env = "ALMANAC_SAGEMAKER_MODEL_DIR",
        help_heading = "SageMaker"
    )]
    pub sagemaker_model_dir: Option<PathBuf>,

    /// Folder of the models that a multi-model endpoint has loaded [default: /opt/ml/models]
    #[arg(
        long,
        value_name = "FOLDER",
        env = "ALMANAC_SAGEMAKER_MODELS_DIR",
        help_heading = "SageMaker"
    )]
    pub sagemaker_models_dir: Option<PathBuf>,

    /// Models that a multi-model endpoint may have loaded at once [default: 200]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_SAGEMAKER_MAX_MODELS",
        help_heading = "SageMaker"
    )]
    pub sagemaker_max_models: Option<usize>,
}

/// Which settings somebody made, where that is not told by their values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) sources: bool,
    pub(super) default_model: bool,
}

impl Made {
    /// Those of a file.
    pub(super) fn by(file: &Table) -> Self {
        let models = file.get("models");
        let has = |key| models.is_some_and(|models| models.get(key).is_some());
        Self {
            sources: has("sources"),
            default_model: has("default"),
        }
    }
}

impl Default for SageMaker {
    fn default() -> Self {
        Self {
            model_dir: PathBuf::from("/opt/ml/model"),
            models_dir: PathBuf::from("/opt/ml/models"),
            // Each has threads of its own.
            max_models: 200,
        }
    }
}

impl SageMakerFlags {
    pub(super) fn apply(&self, sagemaker: &mut SageMaker) {
        fn set<T: Clone>(setting: &mut T, given: Option<&T>) {
            if let Some(value) = given {
                setting.clone_from(value);
            }
        }
        set(&mut sagemaker.model_dir, self.sagemaker_model_dir.as_ref());
        set(
            &mut sagemaker.models_dir,
            self.sagemaker_models_dir.as_ref(),
        );
        set(
            &mut sagemaker.max_models,
            self.sagemaker_max_models.as_ref(),
        );
    }
}

impl Config {
    /// The configuration that `file` makes, over what SageMaker's variables ask for.
    pub(super) fn layered(settings: Table, file: Table) -> Result<Self, toml::de::Error> {
        let mut layers = settings;
        for (section, values) in file {
            match (layers.get_mut(&section), values) {
                (Some(Value::Table(below)), Value::Table(above)) => below.extend(above),
                (_, values) => {
                    layers.insert(section, values);
                }
            }
        }
        layers.try_into()
    }

    /// Serves the model in `sagemaker.model_dir`, where nobody configured other sources.
    ///
    /// A folder that is not there or empty changes nothing. One that holds anything is the first
    /// source: nothing else may answer in its stead, so where its model has no name, or that of an
    /// embedded one, the embedded ones are not served.
    ///
    /// # Errors
    /// [`ConfigError`] when it holds several models and nothing says which is the default.
    pub(super) fn take_given_model(&mut self, made: Made) -> Result<(), ConfigError> {
        let folder = &self.sagemaker.model_dir;
        if self.platform.sagemaker.is_multi_model {
            if !made.sources {
                // The host says what is loaded.
                self.models.sources.clear();
            }
            return Ok(());
        }
        let is_empty = std::fs::read_dir(folder).map(|mut entries| entries.next().is_none());
        // What cannot be read may hold a model all the same.
        if made.sources || !folder.exists() || is_empty.unwrap_or(false) {
            return Ok(());
        }
        let source = Source::Directory(folder.clone());
        let names = names_in(&source, &self.store_options());
        self.models.sources = match &names {
            Ok(names) if !names.is_empty() && !names.iter().any(|name| is_embedded(name)) => {
                vec![source, Source::Embedded]
            }
            _ => vec![source],
        };
        if made.default_model {
            return Ok(());
        }
        match names.unwrap_or_default().as_slice() {
            // Whatever is asked for is then answered with why the folder holds no model.
            [] => Ok(()),
            [only] => {
                self.models.default.clone_from(only);
                Ok(())
            }
            several => Err(ConfigError::Standard {
                setting: "ALMANAC_DEFAULT_MODEL",
                value: "not set".to_owned(),
                reason: format!(
                    "{} holds {}; name the one that answers requests which name none",
                    self.sagemaker.model_dir.display(),
                    several.join(", ")
                ),
            }),
        }
    }

    /// Refuses a second port that another container of the machine may have.
    pub(super) fn check_safe_ports(&self) -> Result<(), ConfigError> {
        let (Some(range), Some(admin)) = (&self.platform.sagemaker.safe_ports, self.admin.listen)
        else {
            return Ok(());
        };
        if range.contains(&admin.port()) {
            return Ok(());
        }
        Err(ConfigError::Standard {
            setting: "admin.listen",
            value: admin.to_string(),
            reason: format!(
                "SAGEMAKER_SAFE_PORT_RANGE wants a port from {} to {}",
                range.start(),
                range.end()
            ),
        })
    }
}

/// The largest body that is read unless something else is said, in MiB.
pub(super) fn usual_body() -> usize {
    Config::default().server.max_body.get() / Bytes::mebibytes(1).get()
}

/// The names of the models in `source`, each once.
fn names_in(source: &Source, options: &StoreOptions) -> Result<Vec<String>, StoreError> {
    let listings = block_on(source.open(options)?.list())?;
    let mut names: Vec<_> = listings.into_iter().map(|listing| listing.name).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn is_embedded(name: &str) -> bool {
    let names = names_in(&Source::Embedded, &StoreOptions::default());
    names.is_ok_and(|names| names.iter().any(|embedded| embedded == name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SEASONAL: &str = include_str!("../../models/seasonal/1/manifest.toml");

    /// Sources and default model, where the model folder holds `files`; or why there are none.
    fn taken(files: &[(&str, &str)], made: Made) -> Result<(Vec<&'static str>, String), String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        taken_at(root.path(), made)
    }

    fn taken_at(folder: &Path, made: Made) -> Result<(Vec<&'static str>, String), String> {
        let mut config = Config::default();
        config.sagemaker.model_dir = folder.to_owned();
        let taken = config.take_given_model(made);
        taken.map_err(|error| error.to_string())?;
        let sources = config.models.sources.iter();
        let told = sources.map(|source| match source {
            Source::Directory(path) if path == folder => "the folder",
            Source::Embedded => "embedded",
            _ => "another",
        });
        Ok((told.collect(), config.models.default))
    }

    #[test]
    fn the_one_model_of_the_folder_is_the_default() {
        let renamed = SEASONAL.replacen("\"seasonal\"", "\"store\"", 1);
        for files in [
            [("manifest.toml", renamed.as_str())],
            [("store.onnx", "abc")],
            [("store/3/manifest.toml", "x")],
        ] {
            let (sources, default) = taken(&files, Made::default()).unwrap();
            assert_eq!(sources, ["the folder", "embedded"], "{files:?}");
            assert_eq!(default, "store");
        }
        let made = Made {
            default_model: true,
            ..Made::default()
        };
        let (_, default) = taken(&[("store.onnx", "abc")], made).unwrap();
        assert_eq!(default, "almanac");
    }

    #[test]
    fn nothing_answers_in_the_stead_of_a_model_that_was_given() {
        for files in [
            // Broken, of another kind, or of the name of an embedded one.
            [("manifest.toml", "format = 1")],
            [("model.pkl", "x")],
            [("manifest.toml", SEASONAL)],
            [("almanac.onnx", "x")],
        ] {
            let (sources, _) = taken(&files, Made::default()).unwrap();
            assert_eq!(sources, ["the folder"], "{files:?}");
        }
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("model");
        fs::write(&file, "x").unwrap();
        assert_eq!(taken_at(&file, Made::default()).unwrap().0, ["the folder"]);
    }

    #[test]
    fn several_models_need_a_default() {
        let files = [("a/1/manifest.toml", "x"), ("b/1/manifest.toml", "x")];
        let told = taken(&files, Made::default()).unwrap_err();
        assert!(
            told.starts_with("ALMANAC_DEFAULT_MODEL is not set; ") && told.contains("holds a, b;"),
            "{told}"
        );
    }

    #[test]
    fn configured_sources_an_empty_folder_and_none_change_nothing() {
        let made = Made {
            sources: true,
            ..Made::default()
        };
        let unchanged = (vec!["embedded"], "almanac".to_owned());
        assert_eq!(taken(&[("store.onnx", "x")], made).unwrap(), unchanged);
        assert_eq!(taken(&[], Made::default()).unwrap(), unchanged);
        let nowhere = Path::new("/no/such/folder");
        assert_eq!(taken_at(nowhere, Made::default()).unwrap(), unchanged);
    }

    #[test]
    fn a_file_stands_over_the_variables() {
        let settings: Table = toml::from_str("[server]\nrequest_timeout = \"60s\"\n").unwrap();
        let file = "[server]\nmax_connections = 7\n[log]\nlevel = \"warn\"\n";
        let config = Config::layered(settings.clone(), toml::from_str(file).unwrap()).unwrap();
        assert_eq!(config.server.request_timeout.to_string(), "1m");
        assert_eq!(
            (config.server.max_connections, config.log.level.as_str()),
            (7, "warn")
        );
        let file = "[server]\nrequest_timeout = \"5s\"\n";
        let config = Config::layered(settings, toml::from_str(file).unwrap()).unwrap();
        assert_eq!(config.server.request_timeout.to_string(), "5s");
    }

    #[test]
    fn the_admin_api_takes_a_safe_port() {
        let mut config = Config::default();
        config.platform.sagemaker.safe_ports = Some(30_000..=30_099);
        config.check_safe_ports().unwrap();
        config.admin.listen = Some(([127, 0, 0, 1], 30_001).into());
        config.check_safe_ports().unwrap();
        config.admin.listen = Some(([127, 0, 0, 1], 8_081).into());
        assert_eq!(
            config.check_safe_ports().unwrap_err().to_string(),
            "admin.listen is 127.0.0.1:8081; SAGEMAKER_SAFE_PORT_RANGE wants a port from 30000 to 30099"
        );
    }
}
