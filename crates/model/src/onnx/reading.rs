//! What a graph wants and gives, where it says so itself in one way only.

mod darts;

use std::fmt::Write as _;

use crate::onnx::inspect::{GraphDescription, TensorDescription};

/// How a graph is fed and read, as far as a graph without a manifest can say it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// Where it stands, for people.
    origin: &'static str,
    /// Rows of a run, when not any number.
    batch_size: Option<usize>,
    context: ContextReading,
    /// Steps that one run gives.
    native: usize,
    /// Whether more steps are made of its own.
    goes_on: bool,
    /// The tables of covariates and states.
    further: String,
    output: OutputReading,
}

#[derive(Clone, Debug, PartialEq)]
struct ContextReading {
    name: String,
    axes: &'static str,
    element: &'static str,
    /// Steps that it always takes, when not any number.
    length: Option<usize>,
    /// Whether a run reads one step of them.
    stepwise: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct OutputReading {
    name: String,
    axes: &'static str,
    element: &'static str,
    /// Further keys of the table: the kind, and what belongs to it.
    kind: String,
}

/// The most steps that a graph is given whose context may have any length.
const LONGEST_CONTEXT: usize = 2_048;

/// The most steps that are made of a graph's own, as far as the longest bundled model reaches.
const LONGEST_HORIZON: usize = 1_024;

/// The one way to read `graph`.
///
/// Fails with what stands in the way, and what to do.
pub(super) fn read(graph: &GraphDescription) -> Result<Reading, String> {
    let spec = graph.metadata.iter().find(|(key, _)| key == darts::KEY);
    match spec {
        Some((_, spec)) => darts::read(spec, graph),
        None => bare(graph).map_err(|reason| unclear(&reason, graph)),
    }
}

/// A graph with one input of histories and one output of points.
fn bare(graph: &GraphDescription) -> Result<Reading, String> {
    let [input] = graph.inputs.as_slice() else {
        return Err("it takes more inputs than the history".to_owned());
    };
    let [output] = graph.outputs.as_slice() else {
        return Err("it has more outputs than the forecast".to_owned());
    };
    let (axes, time) = axes_of(input)?;
    let context = ContextReading {
        name: input.name.clone(),
        axes,
        element: float(input)?,
        length: input.axes[time].parse().ok(),
        stepwise: false,
    };
    let (axes, time) = axes_of(output)?;
    let Ok(native) = output.axes[time].parse() else {
        return Err(format!(
            "its output {} does not say how many steps it gives",
            output.name
        ));
    };
    if native == 1 && context.length.is_some() && input.axes.len() == 2 {
        return Err(
            "its input may be features as well as a history: it gives one number for several"
                .to_owned(),
        );
    }
    Ok(Reading {
        origin: "An ONNX graph without a manifest",
        batch_size: input.axes[0].parse().ok(),
        context,
        native,
        goes_on: true,
        further: String::new(),
        output: OutputReading {
            name: output.name.clone(),
            axes,
            element: float(output)?,
            kind: "kind = \"point\"\n".to_owned(),
        },
    })
}

/// The axes of a tensor of series, and the place of time among them.
fn axes_of(tensor: &TensorDescription) -> Result<(&'static str, usize), String> {
    let is_one = |place: usize| tensor.axes[place] == "1";
    match tensor.axes.len() {
        2 => Ok((r#"["batch", "time"]"#, 1)),
        3 if is_one(2) && !is_one(1) => Ok((r#"["batch", "time", "variate"]"#, 1)),
        3 if is_one(1) && !is_one(2) => Ok((r#"["batch", "variate", "time"]"#, 2)),
        _ => Err(format!(
            "the axes of {} can be read in more ways than one",
            tensor.name
        )),
    }
}

fn float(tensor: &TensorDescription) -> Result<&'static str, String> {
    match tensor.element.as_str() {
        "f32" => Ok("float32"),
        "f64" => Ok("float64"),
        other => Err(format!("{} is of type {other}", tensor.name)),
    }
}

/// What stands in the way, with the tensors of the graph and the way out.
fn unclear(reason: &str, graph: &GraphDescription) -> String {
    let list = |tensors: &[TensorDescription]| {
        let shown = tensors.iter().map(|tensor| {
            format!(
                "{} {} [{}]",
                tensor.name,
                tensor.element,
                tensor.axes.join(", ")
            )
        });
        shown.collect::<Vec<_>>().join("; ")
    };
    format!(
        "{reason}; inputs: {}; outputs: {}; write a manifest.toml, of which almanac models inspect FILE --draft prints a start",
        list(&graph.inputs),
        list(&graph.outputs)
    )
}

impl Reading {
    /// The text of the manifest, of version `version` of `name`.
    pub(super) fn manifest(&self, graph: &GraphDescription, named: (&str, &str)) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut text, graph, named);
        text
    }

    fn write(
        &self,
        out: &mut String,
        graph: &GraphDescription,
        (name, version): (&str, &str),
    ) -> std::fmt::Result {
        let quoted = toml_string;
        writeln!(out, "format = 1\nname = {}", quoted(name))?;
        writeln!(out, "version = {}", quoted(version))?;
        writeln!(out, "description = {}\nlicence = \"\"", quoted(self.origin))?;
        if let Some(size) = self.batch_size {
            writeln!(out, "batch_size = {size}")?;
        }
        writeln!(out, "\n[files]\n\"model.onnx\" = \"{}\"\n", graph.digest)?;
        let context = &self.context;
        writeln!(out, "[context]\ninput = {}", quoted(&context.name))?;
        writeln!(
            out,
            "axes = {}\ntype = \"{}\"",
            context.axes, context.element
        )?;
        match context.length {
            Some(length) => {
                writeln!(out, "min_length = {length}\nmax_length = {length}")?;
                let how = if context.stepwise {
                    "stepwise"
                } else {
                    "fixed_length"
                };
                writeln!(out, "{how} = true")?;
            }
            None => writeln!(out, "min_length = 1\nmax_length = {LONGEST_CONTEXT}")?,
        }
        writeln!(out, "missing = \"interpolate\"\nscaling = \"none\"\n")?;
        out.push_str(&self.further);
        let (native, longest) = (self.native, self.native.max(LONGEST_HORIZON));
        if self.goes_on {
            writeln!(out, "[horizon]\nnative = {native}\nlongest = {longest}")?;
            writeln!(out, "rollout = \"median\"\n")?;
        } else {
            writeln!(out, "[horizon]\nnative = {native}\nlongest = {native}\n")?;
        }
        let output = &self.output;
        writeln!(out, "[output]\nname = {}", quoted(&output.name))?;
        writeln!(out, "axes = {}\ntype = \"{}\"", output.axes, output.element)?;
        out.push_str(&output.kind);
        Ok(())
    }
}

/// `text` as a TOML string, whatever stands in it.
fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests;
