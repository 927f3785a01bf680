//! Whether a graph has the tensors that its manifest gives roles to.

use ort::value::{Outlet, TensorElementType};

use crate::Manifest;
use crate::manifest::{
    ContextAxis, ContextRole, ElementType, FloatType, InputAxis, InputRole, IntegerType,
    NumberType, OutputAxis, StateRole,
};
use crate::onnx::SessionError;

/// What a role needs of its tensor.
struct Role<'a> {
    /// The manifest's key.
    key: &'static str,
    /// The tensor's name.
    name: &'a str,
    element: TensorElementType,
    /// The length of each axis, where the manifest says it.
    axes: Vec<Option<usize>>,
}

/// Compares the graph with `manifest`.
pub(super) fn check_roles(
    manifest: &Manifest,
    inputs: &[Outlet],
    outputs: &[Outlet],
) -> Result<(), SessionError> {
    let roles = input_roles(manifest);
    for role in &roles {
        role.check(inputs)?;
    }
    let is_named = |input: &Outlet| roles.iter().any(|role| role.name == input.name());
    if let Some(input) = inputs.iter().find(|input| !is_named(input)) {
        return Err(SessionError::NoRole {
            name: input.name().to_owned(),
        });
    }
    for state in &manifest.states {
        state_role(manifest, state, "states.output", &state.output).check(outputs)?;
    }
    output_role(manifest).check(outputs)
}

fn input_roles(manifest: &Manifest) -> Vec<Role<'_>> {
    let mut roles = vec![context_role(manifest)];
    if let Some(role) = &manifest.season_length {
        roles.push(Role {
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
        roles.push(Role {
            key: "horizon.input",
            name,
            element: TensorElementType::Int64,
            axes: Vec::new(),
        });
    }
    let beside = manifest.inputs.iter();
    roles.extend(beside.map(|input| input_role(manifest, input)));
    let states = manifest.states.iter();
    roles.extend(states.map(|state| state_role(manifest, state, "states.input", &state.input)));
    roles
}

/// A graph of one row a step ahead is run with as many rows as there are steps.
fn batch(manifest: &Manifest) -> Option<usize> {
    let is_direct = manifest.context.is_direct();
    manifest.batch_size.filter(|_| !is_direct)
}

/// How many steps of the past one run sees, where that never changes.
fn length(context: &ContextRole) -> Option<usize> {
    if context.stepwise {
        Some(1)
    } else {
        context.fixed_length.then_some(context.max_length)
    }
}

fn context_role(manifest: &Manifest) -> Role<'_> {
    let context = &manifest.context;
    let axes = context.axes.iter().map(|axis| match axis {
        ContextAxis::Batch => batch(manifest),
        ContextAxis::Time => length(context),
        ContextAxis::Variate => Some(1),
        ContextAxis::Feature => Some(context.features.len()),
    });
    Role {
        key: "context.input",
        name: &context.input,
        element: float(context.r#type),
        axes: axes.collect(),
    }
}

fn input_role<'a>(manifest: &Manifest, input: &'a InputRole) -> Role<'a> {
    let (length, native) = (length(&manifest.context), manifest.horizon.native);
    let axes = input.axes.iter().map(|axis| match axis {
        InputAxis::Batch => batch(manifest),
        InputAxis::Time => length,
        InputAxis::Horizon => Some(native),
        InputAxis::Span => length.map(|length| length + native),
        InputAxis::Covariate => Some(input.covariates().len()),
        InputAxis::Variate => Some(1),
        InputAxis::Size(size) => Some(*size),
    });
    Role {
        key: "inputs.name",
        name: &input.name,
        element: element(input.r#type),
        axes: axes.collect(),
    }
}

fn state_role<'a>(
    manifest: &Manifest,
    state: &StateRole,
    key: &'static str,
    name: &'a str,
) -> Role<'a> {
    let axes = state.axes.iter().map(|axis| match axis {
        InputAxis::Size(size) => Some(*size),
        _ => manifest.batch_size,
    });
    Role {
        key,
        name,
        element: float(state.r#type),
        axes: axes.collect(),
    }
}

fn output_role(manifest: &Manifest) -> Role<'_> {
    let output = &manifest.output;
    let others = match &output.columns {
        Some(_) => None,
        None => Some(manifest.levels().as_slice().len()),
    };
    let axes = output.axes.iter().map(|axis| match axis {
        OutputAxis::Batch | OutputAxis::Sample | OutputAxis::Time => None,
        OutputAxis::Quantile => others,
        OutputAxis::Parameter => Some(output.parameters.len()),
        OutputAxis::Variate => Some(1),
    });
    Role {
        key: "output.name",
        name: &output.name,
        element: float(output.r#type),
        axes: axes.collect(),
    }
}

impl Role<'_> {
    fn check(&self, available: &[Outlet]) -> Result<(), SessionError> {
        let Some(outlet) = available.iter().find(|outlet| outlet.name() == self.name) else {
            let names: Vec<_> = available
                .iter()
                .map(|outlet| format!("{:?}", outlet.name()))
                .collect();
            return Err(SessionError::NoSuchTensor {
                key: self.key,
                name: self.name.to_owned(),
                available: names.join(", "),
            });
        };
        let fits = outlet.dtype().tensor_type() == Some(self.element)
            && outlet
                .dtype()
                .tensor_shape()
                .is_some_and(|shape| self.has_shape(shape));
        if fits {
            return Ok(());
        }
        Err(SessionError::Mismatch {
            key: self.key,
            name: self.name.to_owned(),
            expected: self.to_string(),
            actual: outlet.dtype().to_string(),
        })
    }

    /// Whether a tensor of `shape`, in which a dynamic axis is negative, can have this role. An axis of
    /// the graph that is dynamic takes every length; a fixed one takes only what is always given.
    fn has_shape(&self, shape: &[i64]) -> bool {
        shape.len() == self.axes.len()
            && shape.iter().zip(&self.axes).all(|(actual, wanted)| {
                let known = usize::try_from(*actual).ok().zip(*wanted);
                known.is_none_or(|(actual, wanted)| actual == wanted)
            })
    }
}

impl std::fmt::Display for Role<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
