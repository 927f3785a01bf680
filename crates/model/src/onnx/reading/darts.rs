//! What Darts writes into the metadata of the graphs that it exports (`TorchForecastingModel.to_onnx`,
//! Darts 0.48).

mod covariates;

use serde::Deserialize;

use crate::onnx::inspect::GraphDescription;
use crate::onnx::reading::{ContextReading, OutputReading, Reading, float};

/// The key of the entry.
pub(super) const KEY: &str = "darts.onnx_spec";

/// `OnnxModelSpec` of `darts.utils.onnx.inference`; what says nothing new is skipped.
#[derive(Deserialize)]
struct Spec {
    input_chunk_length: usize,
    output_chunk_length: usize,
    output_chunk_shift: usize,
    uses_past_covariates: bool,
    uses_future_covariates: bool,
    uses_static_covariates: bool,
    likelihood_parameter_names: Option<Vec<String>>,
    #[serde(default)]
    state_input_names: Vec<String>,
    #[serde(default)]
    state_output_names: Vec<String>,
    #[serde(default)]
    stepwise_state: bool,
}

/// The reading of `graph` that its entry `spec` gives.
pub(super) fn read(spec: &str, graph: &GraphDescription) -> Result<Reading, String> {
    let spec: Spec = serde_json::from_str(spec).map_err(|error| format!("{KEY}: {error}"))?;
    spec.check(graph)?;
    let find = |tensors: &[crate::onnx::inspect::TensorDescription], name: &str, most: usize| {
        let found = tensors.iter().find(|tensor| tensor.name == name).cloned();
        let found = found.filter(|tensor| (3..=most).contains(&tensor.axes.len()));
        found.ok_or_else(|| format!("{KEY}: the graph has no tensor {name} of 3 to {most} axes"))
    };
    let target = find(&graph.inputs, "past_target", 3)?;
    // With an axis for the parameters beside that of the series, or with both in one.
    let prediction = find(&graph.outputs, "prediction", 4)?;
    let is_apart = prediction.axes.len() == 4;
    if target.axes[2] != "1" {
        return Err(format!(
            "it forecasts {} series together, and the server gives it one",
            target.axes[2]
        ));
    }
    let kind = spec.kind(is_apart)?;
    Ok(Reading {
        origin: "Exported by Darts",
        batch_size: target.axes[0].parse().ok(),
        context: ContextReading {
            element: float(&target)?,
            name: target.name,
            axes: r#"["batch", "time", "variate"]"#,
            length: Some(spec.input_chunk_length),
            stepwise: spec.stepwise_state,
        },
        further: spec.further_tables(graph)?,
        native: spec.output_chunk_length,
        // As Darts itself, which goes on from a forecast without a likelihood only.
        goes_on: spec.likelihood_parameter_names.is_none(),
        output: OutputReading {
            element: float(&prediction)?,
            name: prediction.name,
            axes: kind.axes,
            kind: kind.keys,
        },
    })
}

/// How the last axis of the prediction is read.
struct Kind {
    axes: &'static str,
    keys: String,
}

impl Spec {
    /// Fails where the graph needs what the server does not give, or does not have what it says.
    fn check(&self, graph: &GraphDescription) -> Result<(), String> {
        let has = |name: &str| graph.inputs.iter().any(|input| input.name == name);
        let future = has("historic_future_covariates") || has("future_covariates");
        let covariates = [
            (self.uses_past_covariates, has("past_covariates"), "past"),
            (self.uses_future_covariates, future, "future"),
            (
                self.uses_static_covariates,
                has("static_covariates"),
                "static",
            ),
        ];
        if let Some((.., which)) = covariates.iter().find(|(uses, has, _)| *uses && !has) {
            return Err(format!(
                "{KEY}: the graph has no tensor of {which} covariates"
            ));
        }
        if !self.stepwise_state && !self.state_input_names.is_empty() {
            return Err(
                "it carries a state from window to window; export a model without, such as BlockRNNModel"
                    .to_owned(),
            );
        }
        if self.output_chunk_shift > 0 {
            return Err(format!(
                "its forecast begins {} steps after the history; fit it with output_chunk_shift=0",
                self.output_chunk_shift
            ));
        }
        Ok(())
    }

    fn kind(&self, is_apart: bool) -> Result<Kind, String> {
        if self.likelihood_parameter_names.is_none() && is_apart {
            return Ok(Kind {
                axes: r#"["batch", "time", "variate", "quantile"]"#,
                keys: "levels = [0.5]\n".to_owned(),
            });
        }
        let Some(names) = &self.likelihood_parameter_names else {
            return Ok(Kind {
                axes: r#"["batch", "time", "variate"]"#,
                keys: "kind = \"point\"\n".to_owned(),
            });
        };
        if let Some(levels) = levels(names) {
            return Ok(Kind {
                axes: if is_apart {
                    r#"["batch", "time", "variate", "quantile"]"#
                } else {
                    r#"["batch", "time", "quantile"]"#
                },
                keys: levels,
            });
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (family, parameters) = match names.as_slice() {
            ["mu", "b"] => ("laplace", r#"["loc", "scale"]"#),
            ["r", "p"] => ("negative_binomial", r#"["total_count", "probs"]"#),
            _ => {
                return Err(format!(
                    "the parameters {names:?} of its likelihood are those of more distributions than one, or of one that is not read; write a manifest.toml with output.family, or fit it with a QuantileRegression"
                ));
            }
        };
        Ok(Kind {
            axes: if is_apart {
                r#"["batch", "time", "variate", "parameter"]"#
            } else {
                r#"["batch", "time", "parameter"]"#
            },
            keys: format!(
                "kind = \"distribution\"\nfamily = \"{family}\"\nparameters = {parameters}\nlevels = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]\n"
            ),
        })
    }
}

/// The keys for quantiles, when all of `names` are such, as `q0.100` or `q0.10`.
fn levels(names: &[String]) -> Option<String> {
    let mut levels: Vec<(f64, usize)> = names
        .iter()
        .enumerate()
        .map(|(column, name)| Some((name.strip_prefix('q')?.parse().ok()?, column)))
        .collect::<Option<_>>()?;
    levels.sort_by(|left, right| left.0.total_cmp(&right.0));
    let columns: Vec<_> = levels.iter().map(|(_, column)| column).collect();
    let levels: Vec<_> = levels.iter().map(|(level, _)| level).collect();
    Some(format!("levels = {levels:?}\ncolumns = {columns:?}\n"))
}
