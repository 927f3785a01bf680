//! Loading versions into the registry, and resolving them.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use almanac_model::{Batch, Bundle, Digest, Forecaster, PredictError};
use almanac_store::StoreOptions;
use almanac_store::directory::Directory;
use ndarray::Array3;

use super::*;
use crate::config::EngineConfig;
use crate::metrics::EngineMetrics;

/// A model that answers what the golden forecast of [`bundle`] expects.
struct Fives;

impl Forecaster for Fives {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        Ok(Array3::from_elem((batch.len(), 1, batch.horizon()), 5.0))
    }
}

const GOLDEN: &str = r#"{"tolerance": {"relative": 0.01}, "cases": [{"name": "five",
    "values": [5], "season_length": 1, "horizon": 1, "quantiles": [[5]]}]}"#;

/// Writes a bundle to `root`.
fn bundle(root: &Path, name: &str, version: &str) {
    let folder = root.join(name).join(version);
    fs::create_dir_all(&folder).unwrap();
    let [model, golden] = ["graph", GOLDEN].map(|text| Digest::of(text.as_bytes()));
    let manifest = format!(
        r#"format = 1
name = "{name}"
version = "{version}"
description = "For tests"
licence = "MIT"
files = {{ "model.onnx" = "{model}", "golden.json" = "{golden}" }}
horizon = {{ native = 8, longest = 8 }}

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 8
pad = "left"
missing = "nan"
scaling = "none"

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = [0.5]
"#
    );
    for (file, text) in [
        ("manifest.toml", manifest.as_str()),
        ("model.onnx", "graph"),
        ("golden.json", GOLDEN),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
}

fn load(opener: Box<GraphOpener>) -> Load {
    Load {
        reader: Box::new(|_, files| Ok(Bundle::verify(files)?)),
        opener,
        workers: 3,
        has_session_threads: false,
        engine: EngineConfig {
            queue_steps: 100,
            batch_steps: 100,
            max_wait: Duration::MAX,
        },
        metrics: EngineMetrics::new(&prometheus::Registry::new()).unwrap(),
    }
}

fn fives() -> Load {
    load(Box::new(|_| Ok(Arc::new(|| Ok(Box::new(Fives))))))
}

fn store(root: &tempfile::TempDir) -> Directory {
    Directory::new(root.path().to_owned(), &StoreOptions::default())
}

#[track_caller]
fn version(registry: &Registry, name: &str) -> String {
    registry
        .resolve(Some(name))
        .unwrap()
        .engine
        .manifest()
        .version
        .clone()
}

#[test]
fn the_newest_version_serves_with_one_session_per_worker() {
    let (opened, all_opened) = mpsc::channel();
    let root = tempfile::tempdir().unwrap();
    bundle(root.path(), "m", "9");
    bundle(root.path(), "m", "10");
    let registry = Registry::new("m".to_owned());
    let counting = load(Box::new(move |_| {
        let opened = opened.clone();
        Ok(Arc::new(move || {
            opened.send(())?;
            Ok(Box::new(Fives))
        }))
    }));
    counting.all(&store(&root), "here", &registry).unwrap();
    assert_eq!(version(&registry, "m"), "10");
    assert_eq!(registry.resolve(None).unwrap().engine.workers(), 3);
    drop(counting);
    assert_eq!(all_opened.iter().count(), 3);
}

#[test]
fn the_first_source_that_serves_a_name_wins() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    bundle(first.path(), "m", "1");
    bundle(second.path(), "m", "2");
    bundle(second.path(), "other", "2");
    let registry = Registry::new("m".to_owned());
    for root in [&first, &second] {
        fives().all(&store(root), "here", &registry).unwrap();
    }
    assert_eq!(
        (
            version(&registry, "m").as_str(),
            version(&registry, "other").as_str()
        ),
        ("1", "2")
    );
}

#[test]
fn a_failed_version_is_replaced_by_the_next_source_and_never_replaces_a_ready_one() {
    let root = tempfile::tempdir().unwrap();
    bundle(root.path(), "m", "1");
    let registry = Registry::new("m".to_owned());
    let broken = load(Box::new(|_| Err("no such operator".into())));
    broken.all(&store(&root), "here", &registry).unwrap();
    let reason = "no such operator".to_owned();
    assert_eq!(
        registry.resolve(None).unwrap_err(),
        ResolveError::Failed {
            name: "m".to_owned(),
            reason
        }
    );
    fives().all(&store(&root), "here", &registry).unwrap();
    broken.all(&store(&root), "here", &registry).unwrap();
    registry.set("m", ModelState::Loading);
    registry.set(
        "m",
        ModelState::Failed {
            reason: "late".to_owned(),
        },
    );
    assert!(registry.resolve(None).is_ok());
}

#[test]
fn a_graph_with_other_forecasts_never_serves() {
    struct Sixes;
    impl Forecaster for Sixes {
        fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
            Ok(Array3::from_elem((batch.len(), 1, batch.horizon()), 6.0))
        }
    }
    let root = tempfile::tempdir().unwrap();
    bundle(root.path(), "m", "1");
    let registry = Registry::new("m".to_owned());
    let sixes = load(Box::new(|_| Ok(Arc::new(|| Ok(Box::new(Sixes))))));
    sixes.all(&store(&root), "here", &registry).unwrap();
    let error = registry.resolve(None).unwrap_err().to_string();
    assert!(
        error.starts_with("model m failed to load: golden forecast \"five\""),
        "{error}"
    );
}

#[test]
fn loading_unknown_and_missing_models_have_different_errors() {
    let registry = Registry::new("late".to_owned());
    registry.set(
        "other",
        ModelState::Failed {
            reason: "bad".to_owned(),
        },
    );
    let name = || "late".to_owned();
    assert_eq!(
        registry.resolve(None).unwrap_err(),
        ResolveError::Loading { name: name() }
    );
    let available = vec![name(), "other".to_owned()];
    assert_eq!(
        registry.resolve(Some("missing")).unwrap_err(),
        ResolveError::Unknown {
            name: "missing".to_owned(),
            available
        }
    );
    registry.finish_startup();
    let reason = "no configured source has this model".to_owned();
    assert_eq!(
        registry.resolve(None).unwrap_err(),
        ResolveError::Failed {
            name: name(),
            reason
        }
    );
    let reason = "bad".to_owned();
    let other = "other".to_owned();
    let failed = registry.resolve(Some("other")).unwrap_err();
    assert_eq!(
        failed,
        ResolveError::Failed {
            name: other,
            reason
        }
    );
}
