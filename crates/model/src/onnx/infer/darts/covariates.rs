//! The covariates and states of a Darts graph.
//!
//! Darts names the tensors of covariates and not their components. Component `i` of a tensor is named `past_i`,
//! `future_i` or `static_i` here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::infer::darts::error::DartsError;
use crate::onnx::infer::darts::spec::DartsSpec;
use crate::onnx::infer::element::float_type;
use crate::onnx::infer::manifest::toml_string;

/// The name, kind and axes of each tensor of covariates, in the order of Darts.
const TENSORS: [(&str, &str, &str); 4] = [
    (
        "past_covariates",
        "past",
        r#"["batch", "time", "covariate"]"#,
    ),
    (
        "historic_future_covariates",
        "future",
        r#"["batch", "time", "covariate"]"#,
    ),
    (
        "future_covariates",
        "future",
        r#"["batch", "horizon", "covariate"]"#,
    ),
    (
        "static_covariates",
        "static",
        r#"["batch", "variate", "covariate"]"#,
    ),
];

/// Returns the tables of the covariates, inputs and states of `graph`.
pub(super) fn extra_tables(
    spec: &DartsSpec,
    graph: &GraphDescription,
) -> Result<String, DartsError> {
    let mut widths = BTreeMap::new();
    let mut inputs = String::new();
    for (name, kind, axes) in TENSORS {
        let Some(tensor) = graph.inputs.iter().find(|input| input.name == name) else {
            continue;
        };
        let width = width(tensor, kind)?;
        widths.insert(kind, width);
        let names: Vec<_> = (0..width).map(|i| format!("{kind}_{i}")).collect();
        let element = float_type(tensor)?;
        let quoted = toml_string(name);
        // Writing to a string cannot fail.
        let _infallible = write!(
            inputs,
            "[[inputs]]\nname = {quoted}\ntype = \"{element}\"\naxes = {axes}\nfill = {names:?}\n\n"
        );
    }
    let mut text = String::new();
    for (kind, width) in widths {
        let missing = if kind == "static" {
            ""
        } else {
            "missing = \"interpolate\"\n"
        };
        for i in 0..width {
            let _infallible = write!(
                text,
                "[[covariates]]\nname = \"{kind}_{i}\"\nkind = \"{kind}\"\n{missing}\n"
            );
        }
    }
    text.push_str(&inputs);
    write_states(&mut text, spec, graph)?;
    Ok(text)
}

fn write_states(
    out: &mut String,
    spec: &DartsSpec,
    graph: &GraphDescription,
) -> Result<(), DartsError> {
    for (input, output) in spec.state_input_names.iter().zip(&spec.state_output_names) {
        let tensor = graph
            .inputs
            .iter()
            .find(|tensor| tensor.name == *input)
            .ok_or_else(|| DartsError::MissingState {
                name: input.clone(),
            })?;
        // Exports have one row, so any axis of length 1 can be that of the rows.
        let batch = tensor.axes.iter().position(|axis| axis == "1");
        let axes = tensor
            .axes
            .iter()
            .enumerate()
            .map(|(position, axis)| {
                if batch == Some(position) {
                    "\"batch\"".to_owned()
                } else {
                    axis.clone()
                }
            })
            .collect::<Vec<_>>()
            .join(", ");
        let element = float_type(tensor)?;
        let (input, output) = (toml_string(input), toml_string(output));
        let _infallible = write!(
            out,
            "[[states]]\ninput = {input}\noutput = {output}\ntype = \"{element}\"\naxes = [{axes}]\n\n"
        );
    }
    Ok(())
}

/// Returns the number of components of `tensor`.
fn width(tensor: &TensorDescription, kind: &str) -> Result<usize, DartsError> {
    let name = || tensor.name.clone();
    let [_, rows, components] = tensor.axes.as_slice() else {
        return Err(DartsError::Axes {
            tensor: name(),
            count: tensor.axes.len(),
        });
    };
    if kind == "static" && rows != "1" {
        return Err(DartsError::StaticRows {
            tensor: name(),
            rows: rows.clone(),
        });
    }
    components
        .parse()
        .ok()
        .filter(|width| *width > 0)
        .ok_or_else(|| DartsError::UnknownWidth { tensor: name() })
}
