//! What an ONNX file says of itself, and the manifest it suggests.

use std::fmt::Write as _;

use ort::value::{Outlet, TensorElementType, ValueType};

use crate::model::Digest;
use crate::onnx::runtime::Runtime;
use crate::onnx::session::{SessionError, open};

/// A graph's inputs, outputs and metadata.
#[derive(Clone, Debug)]
pub struct GraphDescription {
    /// Its inputs, in order.
    pub inputs: Vec<TensorDescription>,
    /// Its outputs, in order.
    pub outputs: Vec<TensorDescription>,
    /// Producer, domain, description and custom entries, in a stable order.
    pub metadata: Vec<(String, String)>,
    /// Digest of the file.
    pub digest: Digest,
}

/// A tensor that enters or leaves a graph.
#[derive(Clone, Debug)]
pub struct TensorDescription {
    /// Its name.
    pub name: String,
    /// Its element type, as ONNX Runtime writes it.
    pub element: String,
    /// Its axes: a size, the name of a dynamic one, or `?`.
    pub axes: Vec<String>,
}

/// Describes the graph in `bytes`, which ONNX Runtime opens for it.
///
/// # Errors
/// [`SessionError::Graph`] when it cannot be opened.
pub fn describe(runtime: &Runtime, bytes: &[u8]) -> Result<GraphDescription, SessionError> {
    let session = open(runtime, bytes, 1, None).map_err(SessionError::Graph)?;
    let metadata = session
        .metadata()
        .map_err(|error| SessionError::Graph(error.to_string()))?;
    let mut entries: Vec<_> = [
        ("name", metadata.name()),
        ("producer", metadata.producer()),
        ("domain", metadata.domain()),
        ("description", metadata.description()),
        ("graph description", metadata.graph_description()),
        // Exporters that set no version leave the largest number there.
        (
            "version",
            metadata
                .version()
                .filter(|&version| version < i64::MAX)
                .map(|v| v.to_string()),
        ),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value.filter(|text| !text.is_empty())?)))
    .collect();
    let mut custom = metadata.custom_keys().unwrap_or_default();
    custom.sort();
    entries.extend(custom.into_iter().filter_map(|key| {
        let value = metadata.custom(&key)?;
        Some((key, value))
    }));
    Ok(GraphDescription {
        inputs: session.inputs().iter().map(TensorDescription::of).collect(),
        outputs: session
            .outputs()
            .iter()
            .map(TensorDescription::of)
            .collect(),
        metadata: entries,
        digest: Digest::of(bytes),
    })
}

impl TensorDescription {
    fn of(outlet: &Outlet) -> Self {
        let dtype = outlet.dtype();
        let element = dtype.tensor_type().map_or_else(
            || dtype.to_string(),
            |element: TensorElementType| element.to_string(),
        );
        let axes = match dtype {
            ValueType::Tensor {
                shape,
                dimension_symbols,
                ..
            } => {
                let named = |(&size, symbol): (&i64, &String)| match symbol.as_str() {
                    _ if size >= 0 => size.to_string(),
                    "" => "?".to_owned(),
                    name => name.to_owned(),
                };
                shape
                    .iter()
                    .zip(dimension_symbols.iter())
                    .map(named)
                    .collect()
            }
            ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => Vec::new(),
        };
        Self {
            name: outlet.name().to_owned(),
            element,
            axes,
        }
    }
}

impl GraphDescription {
    /// A manifest to start from: every role that names and shapes allow to guess, a question where
    /// they do not.
    #[must_use]
    pub fn draft_manifest(&self) -> String {
        let mut draft = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write_draft(&mut draft);
        draft
    }

    fn write_draft(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "format = 1\nname = \"my-model\"\nversion = \"1\"")?;
        writeln!(out, "description = \"\"\nlicence = \"\"\n\n[files]")?;
        writeln!(out, "\"model.onnx\" = \"{}\"", self.digest)?;
        writeln!(
            out,
            "\"golden.json\" = \"sha256:\" # of the file with the golden forecasts\n"
        )?;
        let context = self.inputs.iter().find(|input| input.axes.len() == 2);
        writeln!(out, "[context]\ninput = {}", quoted(context))?;
        writeln!(
            out,
            "axes = [\"batch\", \"time\"]\ntype = \"float32\"\nmin_length = 1"
        )?;
        let length = context
            .and_then(|input| input.axes[1].parse().ok())
            .unwrap_or(2_048_u64);
        writeln!(
            out,
            "max_length = {length}\npad = \"left\"\nmissing = \"nan\""
        )?;
        writeln!(
            out,
            "scaling = \"mean_abs\" # or none, when the graph scales inside\n"
        )?;
        if let Some(season) = self.integer_input(1) {
            writeln!(
                out,
                "[season_length]\ninput = {}\ntype = \"int64\"",
                quoted(Some(season))
            )?;
            writeln!(out, "unknown = 1\nlongest = 336\n")?;
        }
        let output = self.outputs.iter().find(|output| output.axes.len() == 3);
        // A dynamic axis is the horizon; of two fixed ones the longer is likely to be.
        let fixed: Vec<u64> = output
            .into_iter()
            .flat_map(|output| {
                output
                    .axes
                    .iter()
                    .skip(1)
                    .filter_map(|axis| axis.parse().ok())
            })
            .collect();
        let native = if fixed.len() == 2 {
            fixed[0].max(fixed[1])
        } else {
            64
        };
        writeln!(out, "[horizon]")?;
        if let Some(input) = self.integer_input(0) {
            writeln!(out, "input = {}\ntype = \"int64\"", quoted(Some(input)))?;
        }
        writeln!(
            out,
            "native = {native} # steps that one run gives\nlongest = {native}\n"
        )?;
        writeln!(out, "[output]\nname = {}", quoted(output))?;
        writeln!(
            out,
            "axes = [\"batch\", \"quantile\", \"time\"] # in the graph's order"
        )?;
        writeln!(out, "type = \"float32\"")?;
        writeln!(
            out,
            "levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] # the graph's\n"
        )?;
        writeln!(out, "[postprocess]\nnon_negative = false")
    }

    fn integer_input(&self, rank: usize) -> Option<&TensorDescription> {
        self.inputs
            .iter()
            .find(|input| input.element == "i64" && input.axes.len() == rank)
    }
}

fn quoted(tensor: Option<&TensorDescription>) -> String {
    tensor.map_or_else(
        || "\"\" # no tensor of the graph has the shape of this role".to_owned(),
        |tensor| format!("{:?}", tensor.name),
    )
}
