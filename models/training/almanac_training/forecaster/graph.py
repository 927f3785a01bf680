"""The served graph, and the part of it that training computes beforehand.

`_gate` and `mixture_graph` write for ONNX what `gate` and `mixture` compute in PyTorch; a test
keeps them equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from ..tensor import FLOAT, INT, Graph, Tensor, between
from . import evidence, mixture_graph, settings
from .settings import KNOTS

NAME = "almanac"
VERSION = "1"
DESCRIPTION = "Zero-shot forecaster: a trained gate over classical experts"

Weights = Mapping[str, np.ndarray]


def build_evidence() -> onnx.ModelProto:
    """Build the graph from context, season length and steps to the evidence."""
    graph = Graph("evidence")
    context = graph.input("context", FLOAT, ["batch", "time"])
    season_length = graph.input("season_length", INT, ["batch"])
    steps = graph.input("steps", INT, ["batch", "step"])
    past = evidence.read(context)
    found = evidence.gather(past, season_length, steps.unsqueeze(1) + past.trailing)
    for name in evidence.NAMES:
        rank = 2 if name == "features" else 3
        axes = ["batch", *(f"{name}_{axis}" for axis in range(1, rank))]
        graph.output(name, getattr(found, name), axes)
    graph.output("scale", past.scale, ["batch", "one", "one"])
    return graph.model({"name": "evidence"})


def build(weights: Weights) -> onnx.ModelProto:
    """Build the served graph; `weights` are the parameters and buffers of `gate.Gate` by name."""
    graph = Graph(NAME)
    context = graph.input("context", FLOAT, ["batch", "time"])
    season_length = graph.input("season_length", INT, ["batch"])
    horizon = graph.input("horizon", INT, [])

    with graph.scope("history"):
        past = evidence.read(context)
        steps = between(horizon.graph.constant(1, INT), horizon + 1) + past.trailing
    with graph.scope("evidence"):
        found = evidence.gather(past, season_length, steps)
    with graph.scope("gate"):
        output = _gate(found.features, weights)
    with graph.scope("mixture"):
        quantiles = mixture_graph.quantiles(output, found, steps)
    shape = ("batch", len(evidence.LEVELS), "horizon")
    graph.output("quantiles", quantiles * past.scale, shape)
    return graph.model({"name": NAME, "version": VERSION, "description": DESCRIPTION})


def trained_weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Read back the weights that were passed to `build`."""
    return {
        initializer.name.removeprefix("gate."): numpy_helper.to_array(initializer).T
        for initializer in model.graph.initializer
        if initializer.name.startswith("gate.")
    }


def _gate(features: Tensor, weights: Weights) -> Tensor:
    """Write the gate, [B, J, OUTPUTS]."""

    def parameter(name: str) -> Tensor:
        # PyTorch stores matrices transposed.
        return features.graph.parameter(f"gate.{name}", weights[name].T)

    def linear(values: Tensor, name: str, factor: float = 1.0) -> Tensor:
        return values.linear(parameter(f"{name}.weight"), parameter(f"{name}.bias"), factor)

    def normalized_linear(values: Tensor, name: str) -> Tensor:
        """Apply `linear` to values that are normalized to a root mean square of one.

        EPSILON is added as the square of one more value, and the norm of WIDTH values of size one
        goes into the factor of the product.
        """
        size = np.sqrt(settings.WIDTH)
        norm = values.pad([0, 0], [0, 1], size * np.sqrt(settings.EPSILON)).norm(1)
        return linear(values / norm, name, float(size))

    state = (features - parameter("mean")) / parameter("deviation")
    limit = settings.MAX_FEATURE
    state = linear(state.clamp(-limit, limit), "enter")
    for block in range(settings.BLOCKS):
        inner = normalized_linear(state, f"blocks.{block}.expand")
        state = state + linear(inner * inner.sigmoid(), f"blocks.{block}.contract")
    return normalized_linear(state, "leave").reshape(-1, len(KNOTS), settings.OUTPUTS)
