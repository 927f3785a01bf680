//! Graphs without a manifest, and weights in files next to the graph.

use std::path::Path;
use std::process::Command;

use almanac_model::BundleFiles;
use almanac_model::onnx::{OnnxModel, adopt};

use super::graph::{F32, Graph};
use super::{check, files, points, request};

/// Returns the graph `y = x w`, with three input steps and two output steps, in the shapes of Darts.
fn product(batch: i64) -> Graph {
    Graph::default()
        .input("past_target", F32, &[batch, 3, 1])
        .output("prediction", F32, &[batch, 2, 1])
        .floats("w", &[2, 3], &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
        .node("MatMul", &["w", "past_target"], "prediction", &[])
}

const SPEC: &str = r#"{"input_chunk_length": 3, "output_chunk_length": 2, "output_chunk_shift": 0,
    "uses_past_covariates": false, "uses_future_covariates": false, "uses_static_covariates": false,
    "likelihood_parameter_names": null, "feature_input_names": ["past_target"],
    "input_names": ["past_target"], "output_names": ["prediction"]}"#;

fn expected() -> [&'static [f64]; 2] {
    // The last value, then the sum of three; then the same for the forecast values.
    [&[3.0, 6.0, 6.0, 12.0], &[1.0]]
}

#[track_caller]
fn check_served(files: BundleFiles) {
    let bundle = adopt("walk", "7", files).unwrap();
    let manifest = &bundle.manifest;
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("walk", "7")
    );
    let requests = [
        request(&[8.0, 1.0, f64::NAN, 3.0], 4),
        request(&[1.0, 1.0, 1.0], 1),
    ];
    check(&points(&bundle, &requests), &expected());
    // Without golden forecasts it is checked on a synthetic series.
    let runtime = almanac::app::runtime(&almanac::config::Config::default()).unwrap();
    let mut session = OnnxModel::new(runtime, bundle.clone()).open(1).unwrap();
    bundle.check(&mut session).unwrap();
}

#[test]
fn an_export_of_darts_is_served_from_its_metadata() {
    let graph = product(1).metadata("darts.onnx_spec", SPEC);
    check_served(files([("forecaster.onnx", graph.bytes())]));
}

#[test]
fn a_model_of_mlflow_is_served_from_its_description() {
    let text = "flavors:\n  onnx:\n    data: model.onnx\n  python_function:\n    data: model.onnx\nsignature:\n  inputs: '[{\"name\": \"past_target\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 3, 1]}}]'\n  outputs: '[{\"name\": \"prediction\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 2, 1]}}]'\n";
    // The layout of mlflow.onnx.log_model: weights are in a file with a generated name.
    let (graph, weights) = product(-1).external("0b1e8d");
    check_served(files([
        ("MLmodel", text.into()),
        ("conda.yaml", "channels: []".into()),
        ("model.onnx", graph.bytes()),
        ("0b1e8d", weights),
    ]));
}

#[test]
fn weights_in_a_file_are_shared_by_sessions() {
    let steps = 200_u16;
    let twice_identity: Vec<_> = (0..steps)
        .flat_map(|row| (0..steps).map(move |column| if row == column { 2.0_f32 } else { 0.0 }))
        .collect();
    let length = i64::from(steps);
    let (graph, weights) = Graph::default()
        .input("x", F32, &[-1, length])
        .output("y", F32, &[-1, length])
        .floats("large", &[length, length], &twice_identity)
        .floats("small", &[1], &[1.0])
        .node("MatMul", &["x", "large"], "twice", &[])
        .node("Add", &["twice", "small"], "y", &[])
        .external("model.onnx.data");
    let graph = graph.bytes();
    let bundle = adopt(
        "twice",
        "1",
        files([("model.onnx", graph.clone()), ("model.onnx.data", weights)]),
    );
    let values: Vec<_> = (0..steps).map(f64::from).collect();
    let expected: Vec<_> = values.iter().map(|value| 2.0 * value + 1.0).collect();
    check(
        &points(&bundle.unwrap(), &[request(&values, u64::from(steps))]),
        &[&expected],
    );
    // Without the weights, the error of the runtime names their file.
    let alone = adopt("twice", "1", files([("model.onnx", graph)])).unwrap();
    let runtime = almanac::app::runtime(&almanac::config::Config::default()).unwrap();
    let error = OnnxModel::new(runtime, alone)
        .open(1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("model.onnx.data"), "{error}");
}

/// Runs `almanac models inspect` on `model.onnx` in `folder`, and returns whether it succeeds and its
/// output.
fn inspected(folder: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_almanac"))
        .args(["models", "inspect"])
        .arg(folder.join("model.onnx"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_graph_with_weights_in_a_file_is_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, weights) = product(-1).external("data/0b1e8d");
    std::fs::write(folder.path().join("model.onnx"), graph.bytes()).unwrap();
    let (is_ok, output) = inspected(folder.path());
    assert!(!is_ok && output.contains("keeps weights in"), "{output}");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/0b1e8d"), weights).unwrap();
    let (is_ok, output) = inspected(folder.path());
    assert!(is_ok && output.contains("past_target"), "{output}");

    let (graph, _) = product(-1).external("../secret");
    std::fs::write(folder.path().join("model.onnx"), graph.bytes()).unwrap();
    let (is_ok, output) = inspected(folder.path());
    assert!(!is_ok && output.contains("outside its folder"), "{output}");
}

/// A hand-written manifest for a graph without metadata.
const BY_HAND: &str = r#"
format = 1
name = "walk"
version = "7"
description = "Sums of three"
licence = "Apache-2.0"
files = {}

[context]
input = "features"
axes = ["batch", "time", "variate"]
type = "float32"
fixed_length = true
min_length = 1
max_length = 3
missing = "interpolate"
scaling = "none"

[horizon]
native = 2
longest = 100
rollout = "median"

[output]
name = "prediction"
kind = "point"
axes = ["batch", "time", "variate"]
type = "float32"
"#;

fn by_hand() -> Graph {
    Graph::default()
        .input("features", F32, &[-1, 3, 1])
        .output("prediction", F32, &[-1, 2, 1])
        .floats("w", &[2, 3], &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
        .node("MatMul", &["w", "features"], "prediction", &[])
}

#[test]
fn a_graph_is_served_as_the_manifest_in_its_folder_describes() {
    let described = |text: &str| {
        files([
            ("manifest.toml", text.into()),
            ("sums.onnx", by_hand().bytes()),
        ])
    };
    check_served(described(BY_HAND));
    // The digest covers both files.
    let digest = |files: BundleFiles| adopt("walk", "7", files).unwrap().digest;
    let changed = BY_HAND.replace("Sums of three", "Sums");
    assert_ne!(digest(described(BY_HAND)), digest(described(&changed)));
    // A manifest with a digest is that of a bundle, whose digests are checked.
    let digest = format!("sha256:{}", "0".repeat(64));
    let pinned = BY_HAND.replace("{}", &format!("{{ \"sums.onnx\" = \"{digest}\" }}"));
    check_refused(described(&pinned), "sums.onnx has digest");
}

#[track_caller]
fn check_refused(files: BundleFiles, expected: &str) {
    let error = adopt("a", "1", files).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn files_without_a_model_are_refused_with_a_reason() {
    let graph = || product(-1).bytes();
    check_refused(files([]), "no manifest.toml, no MLmodel");
    check_refused(
        files([("readme.md", Vec::new())]),
        "the files are readme.md",
    );
    check_refused(
        files([("a.onnx", graph()), ("b.onnx", graph())]),
        "a.onnx, b.onnx are several graphs",
    );
    check_refused(
        files([("a.onnx", b"hello".to_vec())]),
        "a.onnx is not an ONNX graph",
    );
    let missing = "flavors:\n  onnx:\n    data: model.onnx\n";
    check_refused(
        files([("MLmodel", missing.into())]),
        "flavors.onnx.data is model.onnx, which is not among the files",
    );
    let two = product(-1).input("more", F32, &[-1, 2]);
    check_refused(
        files([("a.onnx", two.bytes())]),
        "a.onnx cannot be served without a manifest: the graph has 2 inputs",
    );
}
