//! The tensors beside the history of a Darts graph. Darts names them and not what stands in them: the
//! server calls component `i` of one `past_i`, `future_i` or `static_i`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{KEY, Spec};
use crate::onnx::inspect::{GraphDescription, TensorDescription};
use crate::onnx::reading::{float, toml_string};

/// Name, kind and axes of each tensor of covariates, in the order of Darts.
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

impl Spec {
    /// The tables of the covariates and the states of `graph`.
    pub(super) fn further_tables(&self, graph: &GraphDescription) -> Result<String, String> {
        let mut widths = BTreeMap::new();
        let mut inputs = String::new();
        for (name, kind, axes) in TENSORS {
            let Some(tensor) = graph.inputs.iter().find(|input| input.name == name) else {
                continue;
            };
            let width = width(tensor, kind)?;
            widths.insert(kind, width);
            let names: Vec<_> = (0..width).map(|i| format!("{kind}_{i}")).collect();
            let element = float(tensor)?;
            let shown = toml_string(name);
            // Writing to a string cannot fail.
            let _infallible = write!(
                inputs,
                "[[inputs]]\nname = {shown}\ntype = \"{element}\"\naxes = {axes}\nfill = {names:?}\n\n"
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
        self.write_states(&mut text, graph)?;
        Ok(text)
    }

    fn write_states(&self, text: &mut String, graph: &GraphDescription) -> Result<(), String> {
        let names = self.state_input_names.iter().zip(&self.state_output_names);
        for (input, output) in names {
            let found = graph.inputs.iter().find(|tensor| tensor.name == *input);
            let tensor = found.ok_or_else(|| format!("{KEY}: the graph has no input {input}"))?;
            // Exports are of one row, so any axis of one element can be that of the rows.
            let batch = tensor.axes.iter().position(|axis| axis == "1");
            let axes = tensor.axes.iter().enumerate().map(|(place, axis)| {
                if batch == Some(place) {
                    "\"batch\"".to_owned()
                } else {
                    axis.clone()
                }
            });
            let axes = axes.collect::<Vec<_>>().join(", ");
            let (element, input, output) =
                (float(tensor)?, toml_string(input), toml_string(output));
            let _infallible = write!(
                text,
                "[[states]]\ninput = {input}\noutput = {output}\ntype = \"{element}\"\naxes = [{axes}]\n\n"
            );
        }
        Ok(())
    }
}

/// How many components `tensor` has.
fn width(tensor: &TensorDescription, kind: &str) -> Result<usize, String> {
    let name = &tensor.name;
    let [_, middle, last] = tensor.axes.as_slice() else {
        return Err(format!("{KEY}: {name} has not 3 axes"));
    };
    if kind == "static" && middle != "1" {
        return Err(format!(
            "{KEY}: {name} has {middle} rows, and the server gives it one series"
        ));
    }
    let width = last.parse::<usize>().ok().filter(|width| *width > 0);
    width.ok_or_else(|| format!("{KEY}: {name} does not say how many components it has"))
}
