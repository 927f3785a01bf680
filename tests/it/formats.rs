//! Graphs of many shapes, described by a manifest or by their own metadata, run by ONNX Runtime.

mod adopted;
mod beside;
mod graph;

use std::borrow::Cow;

use almanac::config::Config;
use almanac_forecast::{
    Calendar, ForecastRequest, Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series, Stamp,
};
use almanac_model::onnx::{OnnxModel, adopt};
use almanac_model::{Batch, Bundle, BundleFiles, Digest};

use graph::{BOOL, F32, F64, Graph, I64};

/// Returns the files of a bundle by name.
fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> BundleFiles {
    let mut by_name = BundleFiles::new();
    for (name, bytes) in files {
        by_name.insert(name.to_owned(), Cow::Owned(bytes));
    }
    by_name
}

/// Returns a bundle of `graph`, with a manifest that contains `tables` and a placeholder for golden
/// forecasts.
fn bundle(graph: Graph, tables: &str) -> Bundle {
    let model = graph.bytes();
    let golden = br#"{"tolerance": {"relative": 0.01}, "cases": [{"name": "none", "values": [1],
        "season_length": 1, "horizon": 1, "quantiles": [[1]]}]}"#;
    let manifest = format!(
        "format = 1\nname = \"m\"\nversion = \"1\"\ndescription = \"\"\nlicence = \"\"\n[files]\n\"model.onnx\" = \"{}\"\n\"golden.json\" = \"{}\"\n{tables}",
        Digest::of(&model),
        Digest::of(golden)
    );
    let files = files([
        ("manifest.toml", manifest.into_bytes()),
        ("model.onnx", model),
        ("golden.json", golden.to_vec()),
    ]);
    adopt("m", "1", files).unwrap()
}

fn request(values: &[f64], horizon: u64) -> ForecastRequest {
    let start = Stamp::parse("2024-01-01").unwrap();
    let calendar = Calendar::new(start, "MS".parse().unwrap()).unwrap();
    let low = QuantileLevel::new(0.1).unwrap();
    ForecastRequest::new(
        Series::new(values.to_vec(), Some(calendar), 10_000).unwrap(),
        Horizon::new(horizon, 10_000).unwrap(),
        QuantileLevels::with_median([low]),
        SeasonChoice::Given(1),
    )
}

/// Forecasts `requests` in one batch, and returns the points.
fn points(bundle: &Bundle, requests: &[ForecastRequest]) -> Vec<Vec<f64>> {
    let runtime = almanac::app::runtime(&Config::default()).unwrap();
    let mut session = OnnxModel::new(runtime, bundle.clone()).open(1).unwrap();
    let requests: Vec<_> = requests.iter().collect();
    for request in &requests {
        bundle.manifest.fits(request).unwrap();
    }
    let batch = Batch::pack(&bundle.manifest, &requests);
    let output = batch.run(&bundle.manifest, &mut session).unwrap();
    batch
        .forecasts(&bundle.manifest, &requests, &output)
        .into_iter()
        .map(|forecast| forecast.unwrap().point().to_vec())
        .collect()
}

#[track_caller]
fn check(actual: &[Vec<f64>], expected: &[&[f64]]) {
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(expected) {
        assert_eq!(actual.len(), expected.len(), "{actual:?}");
        for (actual, expected) in actual.iter().zip(*expected) {
            let is_close = (actual - expected).abs() <= 1e-5 * expected.abs().max(1.0);
            assert!(is_close, "{actual} {expected}");
        }
    }
}

/// The graph forecasts the mean of the observed values, and twice the mean at the second step, times
/// the frequency token.
#[test]
fn the_mask_marks_missing_values_and_padding() {
    let graph = Graph::default()
        .input("past_values", F32, &[-1, -1, 1])
        .input("past_observed_mask", BOOL, &[-1, -1, 1])
        .input("frequency", I64, &[-1])
        .output("prediction", F32, &[-1, 2, 1])
        .integers("time", &[1], &[1])
        .floats("two", &[1, 2, 1], &[1.0, 2.0])
        .node("Cast", &["past_observed_mask"], "mask", &[("to", 1)])
        .node("Mul", &["past_values", "mask"], "observed", &[])
        .node("ReduceSum", &["observed", "time"], "sum", &[])
        .node("ReduceSum", &["mask", "time"], "count", &[])
        .node("Div", &["sum", "count"], "mean", &[])
        .node("Cast", &["frequency"], "token", &[("to", 1)])
        .node("ReduceMean", &["token"], "token_mean", &[])
        .node("Mul", &["two", "token_mean"], "factor", &[])
        .node("Mul", &["mean", "factor"], "prediction", &[]);
    let bundle = bundle(
        graph,
        r#"
[context]
input = "past_values"
axes = ["batch", "time", "variate"]
type = "float32"
min_length = 1
max_length = 4
fixed_length = true
missing = "zero"
scaling = "standard"
[horizon]
native = 2
longest = 2
[[inputs]]
name = "past_observed_mask"
type = "bool"
axes = ["batch", "time", "variate"]
fill = "observed"
[[inputs]]
name = "frequency"
type = "int64"
axes = ["batch"]
fill = 1
[output]
name = "prediction"
axes = ["batch", "time", "variate"]
type = "float32"
kind = "point"
"#,
    );
    let requests = [
        request(&[9.0, 1.0, f64::NAN, 2.0, 6.0], 2),
        request(&[10.0, 20.0], 1),
    ];
    // After scaling the mean is 0, so the factor has no effect.
    check(&points(&bundle, &requests), &[&[3.0, 3.0], &[15.0]]);
    let mut unscaled = bundle;
    unscaled.manifest.context.scaling = almanac_model::manifest::Scaling::None;
    check(&points(&unscaled, &requests), &[&[3.0, 6.0], &[15.0]]);
}

/// The graph is a linear model of lags, a window and the month, in double precision, for one step at a
/// time.
#[test]
fn features_are_rebuilt_for_each_step_of_a_recursive_model() {
    let graph = Graph::default()
        .input("features", F64, &[-1, 4])
        .output("variable", F32, &[-1, 1])
        .floats("weights", &[4, 1], &[0.5, 0.25, 1.0, 0.01])
        .node("Cast", &["features"], "narrow", &[("to", 1)])
        .node("MatMul", &["narrow", "weights"], "variable", &[]);
    let bundle = bundle(
        graph,
        r#"
[context]
input = "features"
axes = ["batch", "feature"]
type = "float64"
min_length = 3
max_length = 10
missing = "interpolate"
scaling = "none"
differences = [1]
[[context.features]]
lag = 1
[[context.features]]
rolling = "mean"
window = 2
[[context.features]]
calendar = "month"
[[context.features]]
trend = true
[horizon]
native = 1
longest = 100
rollout = "median"
[output]
name = "variable"
axes = ["batch", "time"]
type = "float32"
kind = "point"
"#,
    );
    let values = [1.0, 3.0, 4.0, 8.0];
    // The expected values in differences, which are 2, 1, 4.
    let mut differences = vec![2.0, 1.0, 4.0];
    let mut expected = Vec::new();
    let mut level = 8.0;
    for step in 0..10_u8 {
        let last = differences[differences.len() - 1];
        let mean = (last + differences[differences.len() - 2]) / 2.0;
        let month = f64::from((4 + step) % 12 + 1);
        let next = 0.5 * last + 0.25 * mean + month + 0.01 * f64::from(4 + step);
        differences.push(next);
        level += next;
        expected.push(level);
    }
    let both = [request(&values, 10), request(&[5.0, 5.0, 5.0, 5.0], 1)];
    let actual = points(&bundle, &both);
    check(&actual[..1], &[&expected]);
    check(&actual[1..], &[&[5.0 + 5.0 + 0.04]]);
}

/// The features are a lag and the number of the step ahead, in a row for each step.
#[test]
fn a_direct_model_gets_a_row_for_each_step_ahead() {
    let graph = Graph::default()
        .input("features", F32, &[-1, 2])
        .output("variable", F32, &[-1, 1])
        .floats("weights", &[2, 1], &[1.0, 10.0])
        .node("MatMul", &["features", "weights"], "variable", &[]);
    let bundle = bundle(
        graph,
        r#"
[context]
input = "features"
axes = ["batch", "feature"]
type = "float32"
min_length = 1
max_length = 1
missing = "nan"
scaling = "none"
[[context.features]]
lag = 1
[[context.features]]
step = true
[horizon]
native = 3
longest = 3
[output]
name = "variable"
axes = ["batch", "time"]
type = "float32"
kind = "point"
"#,
    );
    let requests = [request(&[1.0], 3), request(&[2.0, 5.0], 2)];
    check(
        &points(&bundle, &requests),
        &[&[11.0, 21.0, 31.0], &[15.0, 25.0]],
    );
}

#[test]
fn a_graph_that_does_not_match_its_manifest_is_refused_before_it_runs() {
    let graph = Graph::default()
        .input("x", F32, &[-1, 24])
        .output("y", F32, &[-1, 24])
        .node("Neg", &["x"], "y", &[]);
    let bundle = bundle(
        graph,
        r#"
[context]
input = "x"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 48
fixed_length = true
missing = "mean"
scaling = "none"
[horizon]
native = 24
longest = 24
[output]
name = "y"
axes = ["batch", "time"]
type = "float32"
kind = "point"
"#,
    );
    let runtime = almanac::app::runtime(&Config::default()).unwrap();
    let error = OnnxModel::new(runtime, bundle).open(1).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("manifest.toml: context.input requires a tensor of f32 with 2 axes of lengths any, 48, but \"x\" is "),
        "{error}"
    );
}

#[test]
fn the_manifest_of_every_example_is_valid() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/examples");
    let mut read = 0;
    for family in std::fs::read_dir(root).unwrap() {
        let path = family.unwrap().path().join("manifest.toml");
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            if let Err(error) = almanac_model::Manifest::parse(&text) {
                panic!("{}: {error}", path.display());
            }
            read += 1;
        }
    }
    assert!(read >= 11, "{read} manifests");
}
