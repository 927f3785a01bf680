//! The graphs that are served without a manifest, and those that are rejected.

use super::*;
use crate::manifest::{Family, InputRole, OutputKind, Rollout};
use crate::{Digest, Manifest};

fn tensor(name: &str, axes: &[&str]) -> TensorDescription {
    TensorDescription {
        name: name.to_owned(),
        element: "f32".to_owned(),
        axes: axes.iter().map(|&axis| axis.to_owned()).collect(),
    }
}

fn graph(inputs: Vec<TensorDescription>, output: TensorDescription) -> GraphDescription {
    GraphDescription {
        inputs,
        outputs: vec![output],
        metadata: Vec::new(),
        digest: Digest::of(b""),
    }
}

fn manifest(graph: &GraphDescription) -> Manifest {
    let text = infer(graph).unwrap().to_toml(graph, "a", "1");
    Manifest::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn error(graph: &GraphDescription) -> String {
    infer(graph).unwrap_err().to_string()
}

/// Returns an export of Darts with `parameters` outputs per step, whose specification has `replacement` instead of
/// `original`.
fn darts(parameters: usize, original: &str, replacement: &str) -> GraphDescription {
    let spec = r#"{"input_chunk_length":24,"output_chunk_length":12,"output_chunk_shift":0,"uses_past_covariates":false,"uses_future_covariates":false,"uses_static_covariates":false,"likelihood_parameter_names":null,"feature_input_names":["past_target"],"input_names":["past_target"],"output_names":["prediction"],"state_input_names":[],"state_output_names":[],"state_input_shapes":null,"stepwise_state":false}"#;
    assert!(spec.contains(original), "{original}");
    let parameters = parameters.to_string();
    let mut graph = graph(
        vec![tensor("past_target", &["1", "24", "1"])],
        tensor("prediction", &["1", "12", &parameters]),
    );
    graph
        .metadata
        .push((darts::KEY.to_owned(), spec.replace(original, replacement)));
    graph
}

#[test]
fn darts_point_forecasts_are_rolled_out() {
    let manifest = manifest(&darts(1, "null", "null"));
    assert_eq!(manifest.batch_size, Some(1));
    assert_eq!(
        (manifest.context.min_length, manifest.context.max_length),
        (24, 24)
    );
    assert_eq!(
        (manifest.horizon.native, manifest.horizon.longest),
        (12, 1_024)
    );
    assert_eq!(manifest.horizon.rollout, Rollout::Median);
    assert_eq!(manifest.output.kind, OutputKind::Point);
}

#[test]
fn darts_parameters_may_have_an_axis_of_their_own() {
    for (parameters, names, kind) in [
        (1, "null", OutputKind::Quantiles),
        (2, r#"["mu", "b"]"#, OutputKind::Distribution),
    ] {
        let mut graph = darts(parameters, "null", names);
        graph.outputs[0].axes.insert(2, "1".to_owned());
        let manifest = manifest(&graph);
        assert_eq!(manifest.output.kind, kind);
        assert_eq!(manifest.output.axes.len(), 4);
    }
}

#[test]
fn darts_quantiles_may_have_any_order() {
    let names = r#"names":["q0.500","q0.100","q0.900"]"#;
    let manifest = manifest(&darts(3, "names\":null", names));
    assert_eq!(manifest.output.levels, [0.1, 0.5, 0.9]);
    assert_eq!(manifest.output.columns, Some(vec![1, 0, 2]));
    assert_eq!(manifest.horizon.longest, 12);
}

#[test]
fn darts_likelihoods_are_supported_if_their_parameters_identify_one_family() {
    let laplace = manifest(&darts(2, "names\":null", r#"names":["mu","b"]"#));
    assert_eq!(laplace.output.family, Some(Family::Laplace));
    let negative_binomial = manifest(&darts(2, "names\":null", r#"names":["r","p"]"#));
    assert_eq!(
        negative_binomial.output.family,
        Some(Family::NegativeBinomial)
    );
    // The normal and the log-normal distribution share these names.
    let error = error(&darts(2, "names\":null", r#"names":["mu","sigma"]"#));
    assert!(error.contains("belong to several distributions"), "{error}");
}

#[test]
fn unsupported_darts_exports_are_rejected_with_the_reason() {
    for (original, replacement, expected) in [
        (
            "past_covariates\":false",
            "past_covariates\":true",
            "no tensor of past covariates",
        ),
        (
            "static_covariates\":false",
            "static_covariates\":true",
            "no tensor of static covariates",
        ),
        ("shift\":0", "shift\":3", "begins 3 steps after"),
        (
            "state_input_names\":[]",
            r#"state_input_names":["h"]"#,
            "carries a state from window to window",
        ),
        ("\"input_chunk_length\":24,", "", "missing field"),
    ] {
        let error = error(&darts(1, original, replacement));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn darts_covariates_are_named_by_tensor_and_component() {
    let uses =
        r#"uses_past_covariates":true,"uses_future_covariates":true,"uses_static_covariates":true"#;
    let none = r#"uses_past_covariates":false,"uses_future_covariates":false,"uses_static_covariates":false"#;
    let mut graph = darts(1, none, uses);
    graph.inputs.extend([
        tensor("past_covariates", &["1", "24", "1"]),
        tensor("historic_future_covariates", &["1", "24", "2"]),
        tensor("future_covariates", &["1", "12", "2"]),
        tensor("static_covariates", &["1", "1", "1"]),
    ]);
    let manifest = manifest(&graph);
    let names: Vec<_> = manifest
        .covariates
        .iter()
        .map(|role| role.name.as_str())
        .collect();
    assert_eq!(names, ["future_0", "future_1", "past_0", "static_0"]);
    let fills: Vec<_> = manifest.inputs.iter().map(InputRole::covariates).collect();
    assert_eq!(fills[2], ["future_0", "future_1"]);
    assert!(manifest.inputs[2].looks_ahead() && !manifest.inputs[1].looks_ahead());
    graph.inputs.last_mut().unwrap().axes[1] = "3".to_owned();
    let error = error(&graph);
    assert!(error.contains("static_covariates has 3 rows"), "{error}");
}

#[test]
fn a_recurrent_darts_graph_reads_its_history_step_by_step() {
    let mut graph = darts(
        1,
        r#""state_input_names":[],"state_output_names":[],"state_input_shapes":null,"stepwise_state":false"#,
        r#""state_input_names":["a"],"state_output_names":["b"],"stepwise_state":true"#,
    );
    graph.inputs[0].axes[1] = "1".to_owned();
    graph.inputs.push(tensor("a", &["2", "1", "16"]));
    let manifest = manifest(&graph);
    assert!(manifest.context.stepwise && !manifest.context.fixed_length);
    assert_eq!(manifest.context.max_length, 24);
    assert_eq!(manifest.states[0].output, "b");
    assert_eq!(manifest.states[0].shape(3), [2, 3, 16]);
}

#[test]
fn a_graph_from_one_history_to_points_needs_no_metadata() {
    for (input, output) in [
        (vec!["n", "24"], vec!["n", "12"]),
        (vec!["n", "24", "1"], vec!["n", "12", "1"]),
        (vec!["n", "1", "24"], vec!["n", "1", "12"]),
        (vec!["n", "time", "1"], vec!["n", "12"]),
    ] {
        let graph = graph(vec![tensor("x", &input)], tensor("y", &output));
        let manifest = manifest(&graph);
        assert_eq!(manifest.horizon.native, 12, "{input:?}");
        assert_eq!(
            manifest.context.fixed_length,
            input.contains(&"24"),
            "{input:?}"
        );
    }
}

#[test]
fn an_ambiguous_graph_is_rejected_with_a_list_of_its_tensors() {
    let x = || tensor("x", &["n", "24"]);
    for (inputs, output, expected) in [
        (
            vec![x(), x()],
            tensor("y", &["n", "12"]),
            "the graph has 2 inputs",
        ),
        (
            vec![x()],
            tensor("y", &["n", "9", "12"]),
            "axes of tensor y are ambiguous",
        ),
        (
            vec![x()],
            tensor("y", &["n", "h"]),
            "the number of steps is unknown",
        ),
        (
            vec![x()],
            tensor("y", &["n", "1"]),
            "may hold features instead of a history",
        ),
    ] {
        let error = error(&graph(inputs, output));
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("x f32 [n, 24]") && error.contains("--draft"),
            "{error}"
        );
    }
}
