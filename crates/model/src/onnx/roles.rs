//! The check that a graph has the tensors to which its manifest gives roles.

use std::fmt;

use ort::value::{Outlet, TensorElementType};
use thiserror::Error;

use crate::Manifest;
use crate::manifest::{
    ContextAxis, ContextRole, ElementType, FloatType, InputAxis, InputRole, IntegerType,
    NumberType, OutputAxis, StateRole,
};

/// The tensor that a role of the manifest requires.
struct RequiredTensor<'a> {
    /// The key in the manifest.
    key: &'static str,
    /// The name of the tensor.
    name: &'a str,
    element: TensorElementType,
    /// The length of each axis, if the manifest determines it.
    axes: Vec<Option<usize>>,
}

/// The error returned when the tensors of a graph are not those of its manifest.
#[derive(Debug, Error)]
pub enum RoleError {
    /// The graph lacks a tensor that the manifest names.
    #[error(
        "manifest.toml: {key} is {name:?}, but the graph has no such tensor; use one of {available}"
    )]
    NoSuchTensor {
        /// The key in the manifest.
        key: &'static str,
        /// The name in the manifest.
        name: String,
        /// The names in the graph.
        available: String,
    },
    /// The manifest gives no role to an input of the graph.
    #[error(
        "manifest.toml: the graph requires input {name:?}, which has no role; add an [[inputs]] table for it"
    )]
    NoRole {
        /// The name of the input.
        name: String,
    },
    /// A tensor of the graph has another type or shape than its role.
    #[error(
        "manifest.toml: {key} requires a tensor of {expected}, but {name:?} is {actual}; correct the manifest or export the graph again"
    )]
    Mismatch {
        /// The key in the manifest.
        key: &'static str,
        /// The name of the tensor.
        name: String,
        /// The type and shape of the role.
        expected: String,
        /// The type and shape in the graph.
        actual: String,
    },
}

/// Checks that `inputs` and `outputs` of a graph are those of `manifest`.
pub(super) fn check_roles(
    manifest: &Manifest,
    inputs: &[Outlet],
    outputs: &[Outlet],
) -> Result<(), RoleError> {
    let roles = input_roles(manifest);
    for role in &roles {
        role.check(inputs)?;
    }
    let has_role = |input: &Outlet| roles.iter().any(|role| role.name == input.name());
    if let Some(input) = inputs.iter().find(|input| !has_role(input)) {
        return Err(RoleError::NoRole {
            name: input.name().to_owned(),
        });
    }
    for state in &manifest.states {
        state_role(manifest, state, "states.output", &state.output).check(outputs)?;
    }
    output_role(manifest).check(outputs)
}

fn input_roles(manifest: &Manifest) -> Vec<RequiredTensor<'_>> {
    let mut roles = vec![context_role(manifest)];
    if let Some(role) = &manifest.season_length {
        roles.push(RequiredTensor {
            key: "season_length.input",
            name: &role.input,
            element: match role.r#type {
                NumberType::Int64 => TensorElementType::Int64,
                NumberType::Float32 => TensorElementType::Float32,
            },
            axes: vec![batch(manifest)],
        });
    }
    if let Some(name) = &manifest.horizon.input {
        let IntegerType::Int64 = IntegerType::Int64;
        roles.push(RequiredTensor {
            key: "horizon.input",
            name,
            element: TensorElementType::Int64,
            axes: Vec::new(),
        });
    }
    roles.extend(
        manifest
            .inputs
            .iter()
            .map(|input| input_role(manifest, input)),
    );
    roles.extend(
        manifest
            .states
            .iter()
            .map(|state| state_role(manifest, state, "states.input", &state.input)),
    );
    roles
}

/// Returns the fixed number of rows of a run. A graph with one row per step ahead has as many rows as there are steps.
fn batch(manifest: &Manifest) -> Option<usize> {
    let is_direct = manifest.context.is_direct();
    manifest.batch_size.filter(|_| !is_direct)
}

/// Returns the number of past steps that one run reads, if it is fixed.
fn length(context: &ContextRole) -> Option<usize> {
    if context.stepwise {
        Some(1)
    } else {
        context.fixed_length.then_some(context.max_length)
    }
}

fn context_role(manifest: &Manifest) -> RequiredTensor<'_> {
    let context = &manifest.context;
    let axes = context
        .axes
        .iter()
        .map(|axis| match axis {
            ContextAxis::Batch => batch(manifest),
            ContextAxis::Time => length(context),
            ContextAxis::Variate => Some(1),
            ContextAxis::Feature => Some(context.features.len()),
        })
        .collect();
    RequiredTensor {
        key: "context.input",
        name: &context.input,
        element: float(context.r#type),
        axes,
    }
}

fn input_role<'a>(manifest: &Manifest, input: &'a InputRole) -> RequiredTensor<'a> {
    let (length, native) = (length(&manifest.context), manifest.horizon.native);
    let axes = input
        .axes
        .iter()
        .map(|axis| match axis {
            InputAxis::Batch => batch(manifest),
            InputAxis::Time => length,
            InputAxis::Horizon => Some(native),
            InputAxis::Span => length.map(|length| length + native),
            InputAxis::Covariate => Some(input.covariates().len()),
            InputAxis::Variate => Some(1),
            InputAxis::Size(size) => Some(*size),
        })
        .collect();
    RequiredTensor {
        key: "inputs.name",
        name: &input.name,
        element: element(input.r#type),
        axes,
    }
}

fn state_role<'a>(
    manifest: &Manifest,
    state: &StateRole,
    key: &'static str,
    name: &'a str,
) -> RequiredTensor<'a> {
    let axes = state
        .axes
        .iter()
        .map(|axis| match axis {
            InputAxis::Size(size) => Some(*size),
            _ => manifest.batch_size,
        })
        .collect();
    RequiredTensor {
        key,
        name,
        element: float(state.r#type),
        axes,
    }
}

fn output_role(manifest: &Manifest) -> RequiredTensor<'_> {
    let output = &manifest.output;
    let quantiles = match &output.columns {
        Some(_) => None,
        None => Some(manifest.levels().as_slice().len()),
    };
    let axes = output
        .axes
        .iter()
        .map(|axis| match axis {
            OutputAxis::Batch | OutputAxis::Sample | OutputAxis::Time => None,
            OutputAxis::Quantile => quantiles,
            OutputAxis::Parameter => Some(output.parameters.len()),
            OutputAxis::Variate => Some(1),
        })
        .collect();
    RequiredTensor {
        key: "output.name",
        name: &output.name,
        element: float(output.r#type),
        axes,
    }
}

impl RequiredTensor<'_> {
    fn check(&self, available: &[Outlet]) -> Result<(), RoleError> {
        let Some(outlet) = available.iter().find(|outlet| outlet.name() == self.name) else {
            let names: Vec<_> = available
                .iter()
                .map(|outlet| format!("{:?}", outlet.name()))
                .collect();
            return Err(RoleError::NoSuchTensor {
                key: self.key,
                name: self.name.to_owned(),
                available: names.join(", "),
            });
        };
        let fits = outlet.dtype().tensor_type() == Some(self.element)
            && outlet
                .dtype()
                .tensor_shape()
                .is_some_and(|shape| self.accepts(shape));
        if fits {
            return Ok(());
        }
        Err(RoleError::Mismatch {
            key: self.key,
            name: self.name.to_owned(),
            expected: self.to_string(),
            actual: outlet.dtype().to_string(),
        })
    }

    /// Returns true if a tensor of `shape`, in which a dynamic axis is negative, can have this role.
    ///
    /// A dynamic axis of the graph accepts every length, and a fixed one only the length that is always given.
    fn accepts(&self, shape: &[i64]) -> bool {
        shape.len() == self.axes.len()
            && shape.iter().zip(&self.axes).all(|(actual, required)| {
                usize::try_from(*actual)
                    .ok()
                    .zip(*required)
                    .is_none_or(|(actual, required)| actual == required)
            })
    }
}

impl fmt::Display for RequiredTensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} axes", self.element, self.axes.len())?;
        if self.axes.iter().any(Option::is_some) {
            let lengths: Vec<_> = self
                .axes
                .iter()
                .map(|axis| axis.map_or_else(|| "any".to_owned(), |length| length.to_string()))
                .collect();
            write!(f, " of lengths {}", lengths.join(", "))?;
        }
        Ok(())
    }
}

const fn float(r#type: FloatType) -> TensorElementType {
    match r#type {
        FloatType::Float32 => TensorElementType::Float32,
        FloatType::Float64 => TensorElementType::Float64,
    }
}

const fn element(r#type: ElementType) -> TensorElementType {
    match r#type {
        ElementType::Float32 => TensorElementType::Float32,
        ElementType::Float64 => TensorElementType::Float64,
        ElementType::Int64 => TensorElementType::Int64,
        ElementType::Int32 => TensorElementType::Int32,
        ElementType::Bool => TensorElementType::Bool,
    }
}
