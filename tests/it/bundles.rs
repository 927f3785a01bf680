//! Bundles in a directory: a valid one serves, a damaged one never becomes ready.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_engine::registry::Registry;
use almanac_model::Digest;
use almanac_store::Source;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TestApp, TestAppBuilder, load};

/// A directory with a copy of the embedded model, which a test damages.
struct Models {
    root: TempDir,
}

impl Models {
    fn new() -> Self {
        let models = Self {
            root: tempfile::tempdir().unwrap(),
        };
        models.copy_to("seasonal/1");
        models
    }

    fn copy_to(&self, folder: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/seasonal/1");
        let to = self.root.path().join(folder);
        fs::create_dir_all(&to).unwrap();
        for file in ["manifest.toml", "model.onnx", "golden.json"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }

    /// Changes a file of version 1.
    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.root.path().join("seasonal/1").join(file);
        let text = change(fs::read_to_string(&path).unwrap());
        fs::write(path, text).unwrap();
    }

    /// Changes a file of version 1, and its digest in the manifest.
    fn edit_pinned(&self, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let path = self.root.path().join("seasonal/1").join(file);
        let before = fs::read(&path).unwrap();
        let old = Digest::of(&before).to_string();
        let after = change(before);
        let new = Digest::of(&after).to_string();
        fs::write(path, after).unwrap();
        self.edit("manifest.toml", |manifest| replaced(&manifest, &old, &new));
    }

    fn source(&self) -> Source {
        Source::Directory(self.root.path().to_owned())
    }

    fn load(&self) -> Arc<Registry> {
        load(vec![self.source()], "seasonal")
    }
}

/// Replaces `old`, which `text` must contain, with `new`.
#[track_caller]
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old:?} is not there");
    text.replace(old, new)
}

fn app(registry: Arc<Registry>) -> TestApp {
    TestAppBuilder::new(registry).build()
}

/// Returns the reason why version 1 fails to load after `damage`, and checks that every endpoint
/// reports the failure.
async fn reason_after(damage: impl FnOnce(&Models)) -> String {
    let models = Models::new();
    damage(&models);
    let app = app(models.load());
    let listed = app.get("/models/seasonal").await.ok();
    assert_eq!(listed["status"], "failed", "{listed}");
    let reason = listed["reason"].as_str().unwrap().to_owned();
    let problem = app.forecast(&json!({"values": [1, 2], "horizon": 1})).await;
    let problem = problem.problem(503, "model_failed");
    assert_eq!(
        problem["detail"],
        format!("model seasonal failed to load: {reason}")
    );
    assert_eq!(problem["pointer"], "/model");
    assert_eq!(app.get("/readyz").await.status, 503);
    assert_eq!(app.get("/startupz").await.status, 200);
    reason
}

#[tokio::test]
async fn a_directory_serves_what_the_program_embeds() {
    let models = Models::new();
    let app = app(models.load());
    let body = json!({"values": [3, 5, 4, 6], "horizon": 3});
    let answer = app.forecast(&body).await.ok();
    assert_eq!(answer, TestApp::alone().forecast(&body).await.ok());
    let source = app.get("/models/seasonal").await.ok()["source"].clone();
    assert_eq!(source, format!("file:{}", models.root.path().display()));
}

#[tokio::test]
async fn a_file_with_another_digest_is_refused() {
    for file in ["model.onnx", "golden.json"] {
        let damage = |models: &Models| {
            let path = models.root.path().join("seasonal/1").join(file);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        };
        let reason = reason_after(damage).await;
        assert!(
            reason.starts_with(&format!("{file} has digest sha256:")),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_missing_file_is_refused() {
    let without = |file: &'static str| {
        move |models: &Models| {
            fs::remove_file(models.root.path().join("seasonal/1").join(file)).unwrap();
        }
    };
    for file in ["model.onnx", "golden.json"] {
        assert_eq!(
            reason_after(without(file)).await,
            format!(
                "{file} is missing; a bundle contains manifest.toml, model.onnx and golden.json"
            )
        );
    }
    // The manifest is written last: a folder without one is not a version yet.
    assert_eq!(
        reason_after(without("manifest.toml")).await,
        "no configured source has this model"
    );
}

#[tokio::test]
async fn other_golden_forecasts_are_refused() {
    let shift = |bytes: Vec<u8>| {
        let mut golden: Value = serde_json::from_slice(&bytes).unwrap();
        let cell = golden.pointer_mut("/cases/0/quantiles/6/2").unwrap();
        // The tolerance is a share of the largest value of the case.
        *cell = json!(cell.as_f64().unwrap() + 1.0);
        serde_json::to_vec(&golden).unwrap()
    };
    let reason = reason_after(|models| models.edit_pinned("golden.json", shift)).await;
    assert!(
        reason.starts_with(
            "golden forecast \"air passengers\": at level 0.5, step 3, the model returned"
        ),
        "{reason}"
    );
}

#[tokio::test]
async fn no_golden_forecast_is_refused() {
    let empty = |_| br#"{"tolerance": {"relative": 0.0001}, "cases": []}"#.to_vec();
    assert_eq!(
        reason_after(|models| models.edit_pinned("golden.json", empty)).await,
        "golden.json contains no cases; add at least one"
    );
}

#[tokio::test]
async fn a_tolerance_that_allows_everything_is_refused() {
    for tolerance in ["-1.0", "1e999", "1.0"] {
        let loose = |bytes: Vec<u8>| {
            replaced(
                std::str::from_utf8(&bytes).unwrap(),
                "\"relative\": 0.0001",
                &format!("\"relative\": {tolerance}"),
            )
            .into_bytes()
        };
        let reason = reason_after(|models| models.edit_pinned("golden.json", loose)).await;
        assert!(reason.starts_with("golden.json: "), "{tolerance}: {reason}");
    }
}

#[tokio::test]
async fn an_unknown_manifest_key_is_refused() {
    let reason = reason_after(|models| {
        models.edit("manifest.toml", |text| {
            replaced(&text, "[horizon]", "[horizon]\nnativ = 3")
        });
    })
    .await;
    assert!(reason.starts_with("manifest.toml: "), "{reason}");
    assert!(reason.contains("unknown field `nativ`"), "{reason}");
    assert!(!reason.contains('\n'), "{reason}");
}

#[tokio::test]
async fn another_manifest_format_is_refused() {
    let newer = |text: String| replaced(&text, "format = 1", "format = 2");
    assert_eq!(
        reason_after(|models| models.edit("manifest.toml", newer)).await,
        "manifest.toml: format 2 is not supported; use format 1"
    );
}

#[tokio::test]
async fn a_manifest_that_does_not_match_the_graph_is_refused() {
    let rename = |from: &'static str, to: &'static str| {
        move |models: &Models| models.edit("manifest.toml", |text| replaced(&text, from, to))
    };
    assert_eq!(
        reason_after(rename("name = \"quantiles\"", "name = \"samples\"")).await,
        "manifest.toml: output.name is \"samples\", but the graph has no such tensor; use one of \"quantiles\""
    );
    let reason = reason_after(rename("input = \"context\"", "input = \"history\"")).await;
    assert!(
        reason.starts_with("manifest.toml: context.input is \"history\""),
        "{reason}"
    );
    let swapped = rename(
        "[\"batch\", \"quantile\", \"time\"]",
        "[\"batch\", \"time\", \"quantile\"]",
    );
    let reason = reason_after(swapped).await;
    assert!(
        reason.contains("the model returned a tensor of shape"),
        "{reason}"
    );
}

#[tokio::test]
async fn an_invalid_graph_is_refused() {
    let garbage = |_| b"not a graph".to_vec();
    let reason = reason_after(|models| models.edit_pinned("model.onnx", garbage)).await;
    assert!(reason.starts_with("model.onnx: "), "{reason}");
}

#[tokio::test]
async fn a_manifest_of_another_version_is_refused() {
    let version = |text: String| replaced(&text, "version = \"1\"", "version = \"2\"");
    assert_eq!(
        reason_after(|models| models.edit("manifest.toml", version)).await,
        "manifest.toml names seasonal/2, but the folder is seasonal/1"
    );
}

#[tokio::test]
async fn a_bad_model_does_not_stop_a_good_one() {
    let models = Models::new();
    models.copy_to("broken/1");
    let app = app(models.load());
    let list = app.get("/models").await.ok();
    assert_eq!(list["default"], "seasonal");
    let statuses: Vec<_> = list["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            (
                model["name"].as_str().unwrap(),
                model["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(statuses, [("broken", "failed"), ("seasonal", "ready")]);
    assert_eq!(app.get("/readyz").await.status, 200);
    app.forecast(&json!({"values": [1, 2], "horizon": 1}))
        .await
        .ok();
}

#[tokio::test]
async fn the_embedded_model_serves_if_another_source_is_damaged() {
    let models = Models::new();
    models.edit("manifest.toml", |text| {
        replaced(&text, "format = 1", "format = 9")
    });
    for sources in [
        [models.source(), Source::Embedded],
        [Source::Embedded, models.source()],
    ] {
        let app = app(load(sources.to_vec(), "seasonal"));
        assert_eq!(
            app.get("/models/seasonal").await.ok()["source"],
            "embedded:"
        );
        assert_eq!(app.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn a_default_model_that_no_source_has_is_reported() {
    let app = app(load(vec![Source::Embedded], "prophet"));
    assert_eq!(
        app.get("/models/prophet").await.ok()["reason"],
        "no configured source has this model"
    );
    assert_eq!(app.get("/readyz").await.status, 503);
    let body = json!({"values": [1, 2], "horizon": 1, "model": "seasonal"});
    app.forecast(&body).await.ok();
}

#[test]
fn a_missing_source_is_a_startup_error() {
    let registry = Registry::new("seasonal".to_owned());
    let mut config = almanac::config::Config::default();
    config.models.sources = vec![Source::Directory("/no/such/folder".into())];
    let metrics = prometheus::Registry::new();
    let error = almanac::app::load_models(&config, crate::support::plan(), &metrics, &registry)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read /no/such/folder: "),
        "{error}"
    );
}
