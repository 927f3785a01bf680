//! The draft of a manifest for a graph.

use std::fmt::Write as _;

use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::infer::infer;

/// The name of a tensor in a draft, if no tensor of the graph can have the role.
const NONE: &str = "\"\" # no tensor of the graph has the shape for this role";

/// The inputs of a graph, by the roles that they probably have.
struct InputRoles<'a> {
    context: Option<&'a TensorDescription>,
    season: Option<&'a TensorDescription>,
    horizon: Option<&'a TensorDescription>,
    others: Vec<&'a TensorDescription>,
}

impl GraphDescription {
    /// Returns a draft of the manifest of this graph.
    ///
    /// It is the manifest with which the graph is served without one, if there is such a manifest. Otherwise it has
    /// every role that can be guessed from names and shapes, and a comment for each other one.
    #[must_use]
    pub fn draft_manifest(&self) -> String {
        let golden =
            "\"golden.json\" = \"sha256:\" # digest of the file with the golden forecasts\n";
        if let Ok(inferred) = infer(self) {
            let text = inferred.to_toml(self, "my-model", "1");
            return text.replacen("\n\n[context]", &format!("\n{golden}\n[context]"), 1);
        }
        let mut draft = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write_draft(&mut draft, golden);
        draft
    }

    fn write_draft(&self, out: &mut String, golden: &str) -> std::fmt::Result {
        let roles = self.guess_roles();
        writeln!(out, "format = 1\nname = \"my-model\"\nversion = \"1\"")?;
        writeln!(out, "description = \"\"\nlicence = \"\"")?;
        if let Some(size) = roles.context.and_then(|input| input.fixed_length(0)) {
            writeln!(out, "batch_size = {size}")?;
        }
        writeln!(out, "\n[files]\n\"model.onnx\" = \"{}\"", self.digest)?;
        writeln!(out, "{golden}")?;
        write_context(out, roles.context)?;
        if let Some(season) = roles.season {
            writeln!(out, "[season_length]\ninput = {:?}", season.name)?;
            writeln!(out, "type = \"int64\"\nunknown = 1\nlongest = 336\n")?;
        }
        self.write_horizon(out, roles.horizon)?;
        for input in &roles.others {
            write_input(out, input)?;
        }
        self.write_output(out)?;
        writeln!(out, "[postprocess]\nnon_negative = false")
    }

    fn guess_roles(&self) -> InputRoles<'_> {
        let is_float = |input: &TensorDescription| matches!(input.element.as_str(), "f32" | "f64");
        let float_of_rank = |rank: usize| {
            self.inputs
                .iter()
                .find(|input| is_float(input) && input.axes.len() == rank)
        };
        let integer_of_rank = |rank: usize| {
            self.inputs
                .iter()
                .find(|input| input.element == "i64" && input.axes.len() == rank)
        };
        let context = float_of_rank(2).or_else(|| float_of_rank(3));
        let season = integer_of_rank(1).filter(|input| !input.name.contains("group"));
        let horizon = integer_of_rank(0);
        let has_role = |input: &TensorDescription| {
            [context, season, horizon]
                .iter()
                .flatten()
                .any(|role| role.name == input.name)
        };
        InputRoles {
            context,
            season,
            horizon,
            others: self
                .inputs
                .iter()
                .filter(|input| !has_role(input))
                .collect(),
        }
    }

    /// Returns the output and the position of its time axis. Of two fixed axes, the longer is probably the time.
    fn time_axis(&self) -> (Option<&TensorDescription>, usize) {
        let output = self.outputs.iter().find(|output| output.axes.len() >= 2);
        let longest = output.and_then(|output| {
            (1..output.axes.len())
                .rev()
                .max_by_key(|position| output.fixed_length(*position).unwrap_or(u64::MAX))
        });
        (output, longest.unwrap_or(1))
    }

    fn write_horizon(
        &self,
        out: &mut String,
        input: Option<&TensorDescription>,
    ) -> std::fmt::Result {
        let (output, time) = self.time_axis();
        let native = output
            .and_then(|output| output.fixed_length(time))
            .unwrap_or(64);
        writeln!(out, "[horizon]")?;
        if let Some(input) = input {
            writeln!(out, "input = {:?}\ntype = \"int64\"", input.name)?;
        }
        writeln!(
            out,
            "native = {native} # number of steps that one run gives\nlongest = {native} # may exceed native with a rollout\n"
        )
    }

    fn write_output(&self, out: &mut String) -> std::fmt::Result {
        let (output, time) = self.time_axis();
        let name = output.map_or_else(|| NONE.to_owned(), |output| format!("{:?}", output.name));
        writeln!(out, "[output]\nname = {name}")?;
        let rank = output.map_or(3, |output| output.axes.len());
        let is_variate =
            |position| output.is_some_and(|output| output.fixed_length(position) == Some(1));
        let axes: Vec<_> = (0..rank)
            .map(|position| match position {
                0 => "\"batch\"",
                _ if position == time => "\"time\"",
                _ if is_variate(position) => "\"variate\"",
                _ => "\"quantile\"",
            })
            .collect();
        writeln!(
            out,
            "axes = [{}] # in the order of the graph",
            axes.join(", ")
        )?;
        writeln!(out, "type = \"{}\"", output.map_or("float32", float_type))?;
        if axes.contains(&"\"quantile\"") {
            writeln!(
                out,
                "levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] # the levels of the graph\n"
            )
        } else {
            writeln!(out, "kind = \"point\"\n")
        }
    }
}

fn write_context(out: &mut String, context: Option<&TensorDescription>) -> std::fmt::Result {
    let name = context.map_or_else(|| NONE.to_owned(), |input| format!("{:?}", input.name));
    writeln!(out, "[context]\ninput = {name}")?;
    let is_last_one = context.is_some_and(|input| input.fixed_length(2) == Some(1));
    let (axes, time) = match context.map(|input| input.axes.len()) {
        Some(3) if is_last_one => (r#"["batch", "time", "variate"]"#, 1),
        Some(3) => (r#"["batch", "variate", "time"]"#, 2),
        _ => (r#"["batch", "time"]"#, 1),
    };
    writeln!(out, "axes = {axes}")?;
    writeln!(out, "type = \"{}\"", context.map_or("float32", float_type))?;
    writeln!(out, "min_length = 1")?;
    match context.and_then(|input| input.fixed_length(time)) {
        Some(length) => writeln!(out, "max_length = {length}\nfixed_length = true")?,
        None => writeln!(out, "max_length = 2048")?,
    }
    writeln!(out, "pad = \"left\"")?;
    writeln!(
        out,
        "missing = \"nan\" # zero with a mask; interpolate if the graph does not support missing values"
    )?;
    writeln!(
        out,
        "scaling = \"mean_abs\" # none if the graph scales its input itself\n"
    )
}

/// Writes the table of a further input, with a fill guessed from its name.
fn write_input(out: &mut String, input: &TensorDescription) -> std::fmt::Result {
    writeln!(out, "[[inputs]]\nname = {:?}", input.name)?;
    let element = match input.element.as_str() {
        "f64" => "float64",
        "i64" => "int64",
        "i32" => "int32",
        "bool" => "bool",
        _ => "float32",
    };
    writeln!(out, "type = \"{element}\"")?;
    let is_mask = input.name.contains("mask");
    let axes: Vec<_> = input
        .axes
        .iter()
        .enumerate()
        .map(|(position, axis)| match (position, axis.parse::<u64>()) {
            (0, _) => "\"batch\"".to_owned(),
            (1, length) if length.is_err() || is_mask => "\"time\"".to_owned(),
            (_, Ok(1)) => "\"variate\"".to_owned(),
            (_, Ok(length)) => length.to_string(),
            (_, Err(_)) => "\"horizon\"".to_owned(),
        })
        .collect();
    writeln!(out, "axes = [{}]", axes.join(", "))?;
    let fill = match input.name.as_str() {
        name if name.contains("pad") => "\"padding\"",
        name if name.contains("mask") => "\"observed\"",
        name if name.contains("group") => "\"row\"",
        _ => "0",
    };
    writeln!(out, "fill = {fill} # guessed from the name\n")
}

fn float_type(tensor: &TensorDescription) -> &'static str {
    if tensor.element == "f64" {
        "float64"
    } else {
        "float32"
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::description::{GraphDescription, TensorDescription};
    use crate::{Digest, Manifest};

    fn tensor(name: &str, element: &str, axes: &[&str]) -> TensorDescription {
        TensorDescription {
            name: name.to_owned(),
            element: element.to_owned(),
            axes: axes.iter().map(|&axis| axis.to_owned()).collect(),
        }
    }

    /// Parses the draft for a graph, after the missing digest is filled in.
    fn draft(inputs: Vec<TensorDescription>, output: TensorDescription) -> Manifest {
        let graph = GraphDescription {
            inputs,
            outputs: vec![output],
            metadata: Vec::new(),
            digest: Digest::of(b"graph"),
        };
        let digest = Digest::of(b"golden").to_string();
        let text = graph.draft_manifest();
        let filled = text.replace("\"sha256:\" #", &format!("\"{digest}\" #"));
        assert_ne!(filled, text);
        Manifest::parse(&filled).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_draft_has_the_roles_that_names_and_shapes_suggest() {
        let manifest = draft(
            vec![
                tensor("context", "f32", &["batch", "512"]),
                tensor("mask", "bool", &["batch", "512"]),
                tensor("group_ids", "i64", &["batch"]),
            ],
            tensor("quantiles", "f32", &["batch", "9", "64"]),
        );
        assert!(manifest.context.fixed_length);
        assert_eq!(
            (manifest.context.max_length, manifest.horizon.native),
            (512, 64)
        );
        assert_eq!(manifest.inputs.len(), 2);
        assert_eq!(manifest.levels().as_slice().len(), 9);
    }

    #[test]
    fn the_draft_for_a_graph_that_needs_no_manifest_is_the_inferred_one() {
        let manifest = draft(
            vec![tensor("x", "f64", &["n", "24", "1"])],
            tensor("y", "f64", &["n", "12", "1"]),
        );
        assert_eq!(manifest.context.min_length, 24);
        assert_eq!(manifest.horizon.longest, 1_024);
    }
}
