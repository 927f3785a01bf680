"""The graph that is served, and the part of it that training computes beforehand.

`mixture` and `gate` say in PyTorch what `_gate` and `_quantiles` write for ONNX; a test
holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from ..seasonal import history
from ..tensor import FLOAT, INT, Graph, Tensor, arange, concatenate
from . import evidence, lines, settings
from .errors import SMALLEST_NOISE
from .evidence import Evidence
from .settings import CHANNELS, EXTRAS, KNOTS, LINES, LOG_KNOTS, ROWS, TINY

NAME = "almanac"
VERSION = "1"
DESCRIPTION = "Zero-shot forecaster: a trained gate over classical experts"

Weights = Mapping[str, np.ndarray]

ADJUSTMENTS = ROWS // CHANNELS

# What is carried from the knots to the steps, and how many numbers of each.
AT_KNOTS = {
    "base": CHANNELS,
    "first": CHANNELS,
    "second": CHANNELS,
    "fast": CHANNELS,
    "logarithm": 1,
    "naive": 3,
    "zero": 1,
    "slopes": CHANNELS * len(lines.DAMPINGS),
    "width": 1,
    "recent": 1,
    "growth": 1,
    "phase": 1,
    "shape": settings.QUANTILES,
}


def build_evidence() -> onnx.ModelProto:
    graph = Graph("evidence")
    context = graph.input("context", FLOAT, ["batch", "time"])
    season_length = graph.input("season_length", INT, ["batch"])
    steps = graph.input("steps", INT, ["batch", "step"])
    past = history.read(context)
    found = evidence.gather(past, season_length, steps.unsqueeze(1) + past.trailing)
    for name in evidence.NAMES:
        rank = 2 if name in evidence.FLAT else 3
        axes = ["batch", *(f"{name}_{axis}" for axis in range(1, rank))]
        graph.output(name, getattr(found, name), axes)
    graph.output("scale", past.scale, ["batch", "one", "one"])
    return graph.model({"name": "evidence"})


def build(weights: Weights) -> onnx.ModelProto:
    """`weights` are those of `gate.Gate`, by their names there."""
    graph = Graph(NAME)
    context = graph.input("context", FLOAT, ["batch", "time"])
    season_length = graph.input("season_length", INT, ["batch"])
    horizon = graph.input("horizon", INT, [])

    with graph.scope("history"):
        past = history.read(context)
        steps = arange(horizon).unsqueeze(0, 1) + 1 + past.trailing
    with graph.scope("evidence"):
        found = evidence.gather(past, season_length, steps)
    with graph.scope("gate"):
        output = _gate(found.features, weights)
    with graph.scope("mixture"):
        quantiles = _quantiles(output, found, steps.cast(FLOAT))
    axes = ["batch", len(evidence.LEVELS), "horizon"]
    graph.output("quantiles", quantiles * past.scale, axes)
    return graph.model({"name": NAME, "version": VERSION, "description": DESCRIPTION})


def trained_weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """What `build` was given, read back from a file."""
    return {
        initializer.name.removeprefix("gate."): numpy_helper.to_array(initializer).T
        for initializer in model.graph.initializer
        if initializer.name.startswith("gate.")
    }


def _gate(features: Tensor, weights: Weights) -> Tensor:
    """[B, J, OUTPUTS]"""

    def parameter(name: str) -> Tensor:
        # PyTorch keeps matrices the other way round.
        return features.graph.parameter(f"gate.{name}", weights[name].T)

    def linear(values: Tensor, name: str) -> Tensor:
        return values @ parameter(f"{name}.weight") + parameter(f"{name}.bias")

    def normalise(values: Tensor) -> Tensor:
        return values / ((values * values).mean(1) + settings.EPSILON).sqrt()

    state = (features - parameter("mean")) / parameter("deviation")
    limit = settings.LARGEST_FEATURE
    state = linear(state.clamp(-limit, limit), "enter")
    for block in range(settings.BLOCKS):
        inner = linear(normalise(state), f"blocks.{block}.expand")
        state = state + linear(inner * inner.sigmoid(), f"blocks.{block}.contract")
    return linear(normalise(state), "leave").reshape(-1, len(KNOTS), settings.OUTPUTS)


def _quantiles(output: Tensor, found: Evidence, steps: Tensor) -> Tensor:
    """[B, Q, H] in scaled units; `steps` [B, 1, H] are numbers with a fraction."""
    logits, *extras = output.split(2, [settings.EXPERTS, *EXTRAS.values()])
    extra = dict(zip(EXTRAS, extras, strict=True))
    banned = (1.0 - found.positive) * (settings.NEVER * settings.IS_LOGARITHM)
    weight = (logits + banned).softmax(2)
    straight, naive, _, zero = weight.split(2, [LINES, 3, 1, 1])
    by_row = straight.reshape(-1, len(KNOTS), ROWS, len(lines.EXPERTS))
    level = found.level.unsqueeze(1)
    step = found.step.unsqueeze(1)
    share = by_row.sum(3, keepdims=False).reshape(-1, len(KNOTS), ADJUSTMENTS, CHANNELS)
    by_channel = share.sum(2, keepdims=False)
    first = share.take(1, 2)
    log_width = _knot_width(by_row, level, step, by_channel, extra, found)

    logarithm_share = by_channel.slice(2, 1, 2)
    slopes = ((by_row * step) @ settings.GROUPS).reshape(
        -1, len(KNOTS), ADJUSTMENTS, CHANNELS * len(lines.DAMPINGS)
    )
    # Nothing is known of where a single value goes.
    varies = (found.highest > found.lowest).cast(FLOAT).slice(1, 0, 1)
    at_knots = {
        "base": _by_channel(by_row * level),
        "first": first,
        "second": share.take(2, 2),
        "fast": extra["fast"].sigmoid() * first,
        "logarithm": logarithm_share,
        "naive": naive,
        "zero": zero,
        "slopes": slopes.sum(2, keepdims=False),
        "width": log_width,
        "recent": extra["recent"].sigmoid(),
        "growth": extra["growth"].sigmoid(),
        "phase": extra["phase"].sigmoid(),
        "shape": concatenate([extra["gaps"].softplus(), extra["shift"] * varies], axis=2),
    }
    joined = concatenate(list(at_knots.values()), axis=2).transpose(0, 2, 1) @ _positions(steps)
    at = dict(zip(AT_KNOTS, joined.split(1, list(AT_KNOTS.values())), strict=True))

    point = _point(at, found, steps)
    width = _width(at, log_width, found, steps, point)
    spread = point + width * (steps.graph.constant(settings.SHAPE) @ at["shape"])
    return spread + at["recent"] * (found.recent.unsqueeze(2) - spread)


def _by_channel(rows: Tensor) -> Tensor:
    """Sums [B, J, CHANNELS] of [B, J, ROWS, E] over adjustments and experts."""
    sums = rows.sum(3, keepdims=False)
    return sums.reshape(0, 0, ADJUSTMENTS, CHANNELS).sum(2, keepdims=False)


def _positions(steps: Tensor) -> Tensor:
    """Weights of the knots for every step, [B, J, H]."""
    low, high = LOG_KNOTS[:-1, None], LOG_KNOTS[1:, None]
    inside = (steps.log() - low) * (1.0 / (high - low))
    position = inside.clamp(0.0, 1.0).sum(1)
    return (1.0 - (position - np.arange(len(KNOTS))[:, None]).abs()).clamp(0.0)


def _point(at: Mapping[str, Tensor], found: Evidence, steps: Tensor) -> Tensor:
    """The mixed forecast, [B, 1, H]."""
    damped = np.array([damping for damping in lines.DAMPINGS if damping < 1.0])[:, None]
    run = (1.0 - (steps * np.log(damped)).exp()) * (damped / (1.0 - damped))
    run = concatenate([steps, run], axis=1).unsqueeze(1)
    slopes = at["slopes"].reshape(0, CHANNELS, len(lines.DAMPINGS), -1)
    total = at["base"] + (slopes * run).sum(2, keepdims=False)
    total = total + at["first"] * found.season + at["second"] * found.other
    total = total + at["fast"] * found.fast

    raw_centre = found.centre.slice(1, 0, 1)
    naive = (at["naive"] * found.naive).sum(1) - at["zero"] * raw_centre
    logarithm = at["logarithm"]
    share = concatenate([1.0 - logarithm, logarithm], axis=1).clamp(TINY)
    total = concatenate([total.slice(1, 0, 1) + naive, total.slice(1, 1, 2)], axis=1) / share

    reach = settings.LARGEST_EXCURSION * (found.highest - found.lowest)
    total = total.clip(found.lowest - reach, found.highest + reach) + found.centre
    plain = total.slice(1, 0, 1)
    multiplied = total.slice(1, 1, 2).minimum(settings.LARGEST_LOGARITHM).exp()
    return plain + logarithm * (multiplied - plain)


def _knot_width(
    by_row: Tensor, level: Tensor, step: Tensor, by_channel: Tensor, extra: dict, found: Evidence
) -> Tensor:
    """Logarithm of the width at every knot [B, J, 1]: noise, and how far the experts differ."""
    forecast = level + step * settings.KNOT_STEPS[:, None, :]
    mean = _by_channel(by_row * forecast) / by_channel.clamp(TINY)
    mean = concatenate([mean] * ADJUSTMENTS, axis=2).unsqueeze(3)
    apart = _by_channel(by_row * (forecast - mean).abs())
    unit = concatenate([0.0 * found.present + 1.0, found.present.abs()], axis=2)
    disagreement = (apart * unit).sum(2)
    width = found.noise + extra["doubt"].softplus() * disagreement
    return width.log() + extra["width"]


def _width(
    at: Mapping[str, Tensor], log_width: Tensor, found: Evidence, steps: Tensor, point: Tensor
) -> Tensor:
    """[B, 1, H]"""
    start = settings.FAR_FROM
    growth = log_width.slice(1, -1) - log_width.slice(1, start, start + 1)
    growth = growth * (1.0 / (LOG_KNOTS[-1] - LOG_KNOTS[start]))
    beyond = (steps.log() - LOG_KNOTS[-1]).clamp(0.0)
    log = at["width"] + growth.clamp(0.0, settings.MOST_FAR_GROWTH) * beyond

    level = found.present.abs().maximum(found.noise)
    ratio = (point.abs() / level).clamp(settings.LOWEST_LEVEL).log()
    log = log + at["growth"] * ratio.minimum(settings.LARGEST_GROWTH) + at["phase"] * found.spread
    moves = (found.noise > SMALLEST_NOISE).cast(FLOAT)
    return log.minimum(settings.LARGEST_LOGARITHM).exp() * moves
