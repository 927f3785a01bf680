//! Graphs with inputs in addition to the history: covariates of each kind, and their own state.

use almanac_forecast::{
    Covariate, CovariateValues, Covariates, ForecastRequest, Horizon, QuantileLevels, SeasonChoice,
    Series, StaticValue,
};
use almanac_model::onnx::OnnxModel;

use super::graph::{F32, Graph};
use super::{bundle, check, points};

fn request(values: &[f64], prices: &[f64], size: f64) -> ForecastRequest {
    let covariate = |name: &str, values| Covariate {
        name: name.to_owned(),
        values,
    };
    let horizon = prices.len() - values.len();
    let list = vec![
        covariate("size", CovariateValues::Static(StaticValue::Number(size))),
        covariate("price", CovariateValues::Future(prices.to_vec())),
    ];
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 100).unwrap(),
        Horizon::new(horizon as u64, 100).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
    .with_covariates(Covariates::new(list, values.len(), horizon, 9).unwrap())
}

const TABLES: &str = r#"
[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 4
missing = "interpolate"
scaling = "none"
[[covariates]]
name = "price"
kind = "future"
missing = "previous"
[[covariates]]
name = "size"
kind = "static"
[[inputs]]
name = "price"
type = "float32"
axes = ["batch", "horizon"]
fill = ["price"]
[[inputs]]
name = "static"
type = "float32"
axes = ["batch", "covariate"]
fill = ["size"]
[horizon]
native = 2
longest = 4
rollout = "median"
[output]
name = "y"
axes = ["batch", "time"]
type = "float32"
kind = "point"
"#;

/// Returns a graph that adds the size to the price of each step ahead.
fn graph(width: i64) -> Graph {
    Graph::default()
        .input("context", F32, &[-1, -1])
        .input("price", F32, &[-1, 2])
        .input("static", F32, &[-1, width])
        .output("y", F32, &[-1, 2])
        .integers("time", &[1], &[1])
        .node("ReduceSum", &["context", "time"], "sum", &[])
        .node("Sub", &["sum", "sum"], "zero", &[])
        .node("ReduceSum", &["static", "time"], "size", &[])
        .node("Add", &["price", "size"], "sums", &[])
        .node("Add", &["sums", "zero"], "y", &[])
}

#[test]
fn covariates_are_passed_by_name_and_during_a_rollout() {
    let bundle = bundle(graph(1), TABLES);
    let requests = [
        request(&[1.0, 2.0], &[0.0, 0.0, 10.0, 20.0, 30.0, 40.0], 0.5),
        request(&[5.0, 6.0, 7.0], &[0.0, 0.0, 0.0, 3.0], 100.0),
    ];
    check(
        &points(&bundle, &requests),
        &[&[10.5, 20.5, 30.5, 40.5], &[103.0]],
    );
}

#[test]
fn a_graph_with_more_covariates_than_its_manifest_is_refused() {
    let bundle = bundle(graph(3), TABLES);
    let runtime = almanac::app::runtime(&almanac::config::Config::default()).unwrap();
    let error = OnnxModel::new(runtime, bundle).open(1).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("manifest.toml: inputs.name requires a tensor of f32 with 2 axes of lengths any, 1, but \"static\" is "),
        "{error}"
    );
}

/// The graph is a cell that adds its inputs up, and forecasts the sum.
#[test]
fn the_state_is_passed_from_step_to_step() {
    let graph = Graph::default()
        .input("value", F32, &[-1, 1])
        .input("before", F32, &[-1, 1])
        .output("next", F32, &[-1, 1])
        .output("after", F32, &[-1, 1])
        .node("Add", &["value", "before"], "after", &[])
        .node("Identity", &["after"], "next", &[]);
    let bundle = bundle(
        graph,
        r#"
[context]
input = "value"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 8
stepwise = true
missing = "interpolate"
scaling = "none"
[horizon]
native = 1
longest = 9
rollout = "median"
[[states]]
input = "before"
output = "after"
type = "float32"
axes = ["batch", 1]
[output]
name = "next"
axes = ["batch", "time"]
type = "float32"
kind = "point"
"#,
    );
    let requests = [
        super::request(&[1.0, 2.0, 3.0], 3),
        super::request(&[5.0], 1),
        super::request(&[4.0, 4.0, 4.0], 1),
    ];
    check(
        &points(&bundle, &requests),
        &[&[6.0, 12.0, 24.0], &[5.0], &[12.0]],
    );
}
