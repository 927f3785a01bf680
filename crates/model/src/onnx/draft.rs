//! The manifest that a graph suggests, to start from.

use std::fmt::Write as _;

use crate::onnx::inspect::{GraphDescription, TensorDescription};
use crate::onnx::reading;

/// What a draft says of a tensor that no role can be guessed for.
const NONE: &str = "\"\" # no tensor of the graph has the shape of this role";

/// The tensors that have been given a role.
struct Roles<'a> {
    context: Option<&'a TensorDescription>,
    season: Option<&'a TensorDescription>,
    horizon: Option<&'a TensorDescription>,
    others: Vec<&'a TensorDescription>,
}

impl GraphDescription {
    /// A manifest to start from: the one that the graph would be served by without a manifest, or else
    /// every role that names and shapes allow to guess, a question where they do not.
    #[must_use]
    pub fn draft_manifest(&self) -> String {
        let golden = "\"golden.json\" = \"sha256:\" # of the file with the golden forecasts\n";
        if let Ok(reading) = reading::read(self) {
            let text = reading.manifest(self, ("my-model", "1"));
            return text.replacen("\n\n[context]", &format!("\n{golden}\n[context]"), 1);
        }
        let mut draft = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write_draft(&mut draft, golden);
        draft
    }

    fn write_draft(&self, out: &mut String, golden: &str) -> std::fmt::Result {
        let roles = self.roles();
        writeln!(out, "format = 1\nname = \"my-model\"\nversion = \"1\"")?;
        writeln!(out, "description = \"\"\nlicence = \"\"")?;
        if let Some(size) = roles.context.and_then(|input| length(input, 0)) {
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

    fn roles(&self) -> Roles<'_> {
        let ranks = |rank: usize| move |input: &&TensorDescription| input.axes.len() == rank;
        let float = |input: &&TensorDescription| matches!(input.element.as_str(), "f32" | "f64");
        let floats = || self.inputs.iter().filter(float);
        let context = floats().find(ranks(2)).or_else(|| floats().find(ranks(3)));
        let whole = |rank| {
            let mut inputs = self.inputs.iter().filter(|input| input.element == "i64");
            inputs.find(ranks(rank))
        };
        let season = whole(1).filter(|input| !input.name.contains("group"));
        let horizon = whole(0);
        let taken = [context, season, horizon];
        let is_free = |input: &&TensorDescription| {
            let mut taken = taken.iter().flatten();
            !taken.any(|role| role.name == input.name)
        };
        Roles {
            context,
            season,
            horizon,
            others: self.inputs.iter().filter(is_free).collect(),
        }
    }

    /// The output, and the place of its horizon: of two fixed axes the longer is likely to be.
    fn horizon_axis(&self) -> (Option<&TensorDescription>, usize) {
        let output = self.outputs.iter().find(|output| output.axes.len() >= 2);
        let longest = output.and_then(|output| {
            let places = 1..output.axes.len();
            places
                .rev()
                .max_by_key(|place| length(output, *place).unwrap_or(u64::MAX))
        });
        (output, longest.unwrap_or(1))
    }

    fn write_horizon(
        &self,
        out: &mut String,
        input: Option<&TensorDescription>,
    ) -> std::fmt::Result {
        let (output, place) = self.horizon_axis();
        let native = output
            .and_then(|output| length(output, place))
            .unwrap_or(64);
        writeln!(out, "[horizon]")?;
        if let Some(input) = input {
            writeln!(out, "input = {:?}\ntype = \"int64\"", input.name)?;
        }
        writeln!(
            out,
            "native = {native} # steps that one run gives\nlongest = {native} # more with a rollout\n"
        )
    }

    fn write_output(&self, out: &mut String) -> std::fmt::Result {
        let (output, time) = self.horizon_axis();
        let name = output.map_or_else(|| NONE.to_owned(), |output| format!("{:?}", output.name));
        writeln!(out, "[output]\nname = {name}")?;
        let rank = output.map_or(3, |output| output.axes.len());
        let is_variate = |place| output.is_some_and(|output| length(output, place) == Some(1));
        let words = (0..rank).map(|place| match place {
            0 => "\"batch\"",
            _ if place == time => "\"time\"",
            _ if is_variate(place) => "\"variate\"",
            _ => "\"quantile\"",
        });
        let words: Vec<_> = words.collect();
        writeln!(out, "axes = [{}] # in the graph's order", words.join(", "))?;
        writeln!(out, "type = \"{}\"", output.map_or("float32", float_type))?;
        if words.contains(&"\"quantile\"") {
            writeln!(
                out,
                "levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] # the graph's\n"
            )
        } else {
            writeln!(out, "kind = \"point\"\n")
        }
    }
}

fn write_context(out: &mut String, context: Option<&TensorDescription>) -> std::fmt::Result {
    let name = context.map_or_else(|| NONE.to_owned(), |input| format!("{:?}", input.name));
    writeln!(out, "[context]\ninput = {name}")?;
    let last_is_one = context.is_some_and(|input| length(input, 2) == Some(1));
    let (axes, time) = match context.map(|input| input.axes.len()) {
        Some(3) if last_is_one => (r#"["batch", "time", "variate"]"#, 1),
        Some(3) => (r#"["batch", "variate", "time"]"#, 2),
        _ => (r#"["batch", "time"]"#, 1),
    };
    writeln!(out, "axes = {axes}")?;
    writeln!(out, "type = \"{}\"", context.map_or("float32", float_type))?;
    writeln!(out, "min_length = 1")?;
    match context.and_then(|input| length(input, time)) {
        Some(length) => writeln!(out, "max_length = {length}\nfixed_length = true")?,
        None => writeln!(out, "max_length = 2048")?,
    }
    writeln!(out, "pad = \"left\"")?;
    writeln!(
        out,
        "missing = \"nan\" # zero with a mask; interpolate where the graph knows no missing values"
    )?;
    writeln!(
        out,
        "scaling = \"mean_abs\" # or none, when the graph scales inside\n"
    )
}

/// A further input, filled as its name suggests.
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
    let words = input
        .axes
        .iter()
        .enumerate()
        .map(|(place, axis)| match place {
            0 => "\"batch\"".to_owned(),
            1 if axis.parse::<u64>().is_err() || input.name.contains("mask") => {
                "\"time\"".to_owned()
            }
            _ if axis == "1" => "\"variate\"".to_owned(),
            _ => axis
                .parse::<u64>()
                .map_or_else(|_| "\"horizon\"".to_owned(), |length| length.to_string()),
        });
    let words: Vec<_> = words.collect();
    writeln!(out, "axes = [{}]", words.join(", "))?;
    let fill = match input.name.as_str() {
        name if name.contains("pad") => "\"padding\"",
        name if name.contains("mask") => "\"observed\"",
        name if name.contains("group") => "\"row\"",
        _ => "0",
    };
    writeln!(out, "fill = {fill} # a guess by the name\n")
}

fn float_type(tensor: &TensorDescription) -> &'static str {
    if tensor.element == "f64" {
        "float64"
    } else {
        "float32"
    }
}

/// The length of an axis, when it is fixed.
fn length(tensor: &TensorDescription, place: usize) -> Option<u64> {
    tensor.axes.get(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::onnx::inspect::{GraphDescription, TensorDescription};
    use crate::{Digest, Manifest};

    fn tensor(name: &str, element: &str, axes: &[&str]) -> TensorDescription {
        TensorDescription {
            name: name.to_owned(),
            element: element.to_owned(),
            axes: axes.iter().map(|&axis| axis.to_owned()).collect(),
        }
    }

    /// The draft for a graph, which is a manifest once the digests are filled in.
    fn draft(inputs: Vec<TensorDescription>, output: TensorDescription) -> Manifest {
        let graph = GraphDescription {
            inputs,
            outputs: vec![output],
            metadata: Vec::new(),
            digest: Digest::of(b"graph"),
        };
        let digest = Digest::of(b"golden").to_string();
        let text = graph.draft_manifest();
        let filled = text.replace("\"sha256:\" # of", &format!("\"{digest}\" # of"));
        assert_ne!(filled, text);
        Manifest::parse(&filled).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_draft_is_a_manifest_with_the_roles_that_names_and_shapes_show() {
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
    fn a_graph_that_needs_no_manifest_is_drafted_as_it_is_served() {
        let manifest = draft(
            vec![tensor("x", "f64", &["n", "24", "1"])],
            tensor("y", "f64", &["n", "12", "1"]),
        );
        assert_eq!(manifest.context.min_length, 24);
        assert_eq!(manifest.horizon.longest, 1_024);
    }
}
