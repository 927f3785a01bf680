//! The text of an inferred manifest.

use std::fmt::Write as _;

use crate::onnx::description::GraphDescription;

/// The content of the manifest of a graph that has none.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::onnx) struct InferredManifest {
    /// The description of the model.
    pub(super) origin: &'static str,
    /// The number of rows of a run, if it is fixed.
    pub(super) batch_size: Option<usize>,
    pub(super) context: InferredContext,
    /// The number of steps that one run gives.
    pub(super) native: usize,
    /// True if further steps are forecast from the model's own forecast.
    pub(super) is_rolled_out: bool,
    /// The tables of covariates, inputs and states.
    pub(super) extra_tables: String,
    pub(super) output: InferredOutput,
}

/// The content of `[context]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InferredContext {
    pub(super) name: String,
    pub(super) axes: &'static str,
    pub(super) element: &'static str,
    /// The number of steps, if it is fixed.
    pub(super) length: Option<usize>,
    /// True if a run reads one of these steps.
    pub(super) is_stepwise: bool,
}

/// The content of `[output]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InferredOutput {
    pub(super) name: String,
    pub(super) axes: &'static str,
    pub(super) element: &'static str,
    /// The keys of the table that depend on the kind of the output.
    pub(super) kind: String,
}

/// The maximum number of steps of a context whose length the graph does not limit.
const MAX_CONTEXT_LENGTH: usize = 2_048;

/// The maximum number of steps of a roll-out, which is that of the bundled model with the longest horizon.
const MAX_ROLLOUT_HORIZON: usize = 1_024;

impl InferredManifest {
    /// Returns the text of the manifest of `graph`, as version `version` of model `name`.
    pub(in crate::onnx) fn to_toml(
        &self,
        graph: &GraphDescription,
        name: &str,
        version: &str,
    ) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut text, graph, name, version);
        text
    }

    fn write(
        &self,
        out: &mut String,
        graph: &GraphDescription,
        name: &str,
        version: &str,
    ) -> std::fmt::Result {
        writeln!(out, "format = 1\nname = {}", toml_string(name))?;
        writeln!(out, "version = {}", toml_string(version))?;
        writeln!(out, "description = {}", toml_string(self.origin))?;
        writeln!(out, "licence = \"\"")?;
        if let Some(size) = self.batch_size {
            writeln!(out, "batch_size = {size}")?;
        }
        writeln!(out, "\n[files]\n\"model.onnx\" = \"{}\"\n", graph.digest)?;
        self.context.write(out)?;
        out.push_str(&self.extra_tables);
        let native = self.native;
        if self.is_rolled_out {
            let longest = native.max(MAX_ROLLOUT_HORIZON);
            writeln!(out, "[horizon]\nnative = {native}\nlongest = {longest}")?;
            writeln!(out, "rollout = \"median\"\n")?;
        } else {
            writeln!(out, "[horizon]\nnative = {native}\nlongest = {native}\n")?;
        }
        let output = &self.output;
        writeln!(out, "[output]\nname = {}", toml_string(&output.name))?;
        writeln!(out, "axes = {}\ntype = \"{}\"", output.axes, output.element)?;
        out.push_str(&output.kind);
        Ok(())
    }
}

impl InferredContext {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "[context]\ninput = {}", toml_string(&self.name))?;
        writeln!(out, "axes = {}\ntype = \"{}\"", self.axes, self.element)?;
        match self.length {
            Some(length) => {
                writeln!(out, "min_length = {length}\nmax_length = {length}")?;
                let flag = if self.is_stepwise {
                    "stepwise"
                } else {
                    "fixed_length"
                };
                writeln!(out, "{flag} = true")?;
            }
            None => writeln!(out, "min_length = 1\nmax_length = {MAX_CONTEXT_LENGTH}")?,
        }
        writeln!(out, "missing = \"interpolate\"\nscaling = \"none\"\n")
    }
}

/// Returns `text` as a TOML string, with any special character escaped.
pub(super) fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
