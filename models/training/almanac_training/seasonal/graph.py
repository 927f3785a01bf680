"""The whole graph: from context, season length and horizon to quantiles."""

from __future__ import annotations

import onnx

from ..tensor import FLOAT, INT, Graph, Tensor, arange, where
from . import bands, blend, experts, history, season, smoothing

NAME = "seasonal"
VERSION = "1"
DESCRIPTION = (
    "Statistical baseline: seasonal adjustment and a blend of exponential smoothing, "
    "damped trends and seasonal naive"
)

# A forecast leaves the range of the history by at most this many times the width of the range.
MAX_EXCURSION = 2.0

# Bound of logarithms relative to the mean absolute value, which real series do not reach.
MAX_LOGARITHM = 20.0


def build() -> onnx.ModelProto:
    """Build the model."""
    graph = Graph(NAME)
    context = graph.input("context", FLOAT, ["batch", "time"])
    season_length = graph.input("season_length", INT, ["batch"])
    horizon = graph.input("horizon", INT, [])

    with graph.scope("history"):
        past = history.read(context)
    with graph.scope("season"):
        cycle = season.estimate(past, season_length)
        observed = past.observed.slice(2, -blend.WINDOW)
        steps_back = observed.size(2) - 1 - arange(observed.size(2)).unsqueeze(0, 1)
        adjusted = (past.variants.slice(2, -blend.WINDOW) - cycle.at(steps_back)) * observed
    with graph.scope("smoothing"):
        lines = experts.lines(smoothing.smooth(adjusted, observed))
    with graph.scope("blend"):
        errors = blend.look_back(past, cycle, lines, adjusted, observed)
        weights = blend.weigh(past, errors)
    with graph.scope("forecast"):
        steps = arange(horizon).unsqueeze(0, 1) + 1 + past.trailing
        point = _point(past, cycle, lines, weights, steps)
    with graph.scope("bands"):
        leads = len(blend.LEADS)
        residual = blend.residuals(errors, weights)
        actual = errors.unit.slice(1, 1, 2).reshape(0, leads, -1)
        quantiles = bands.quantiles(
            bands.Residuals(
                value=residual,
                fitted=actual - residual,
                weight=errors.weight.reshape(0, leads, -1),
            ),
            point,
            steps,
            growing=weights.variant.slice(1, 1, 2),
            season_noise=0.5 * cycle.noise.sum(1),
        )

    graph.output("quantiles", quantiles * past.scale, ["batch", len(bands.LEVELS), "horizon"])
    return graph.model({"name": NAME, "version": VERSION, "description": DESCRIPTION})


def _point(
    past: history.History,
    cycle: season.Season,
    lines: experts.Lines,
    weights: blend.Blend,
    steps: Tensor,
) -> Tensor:
    """Return the blended forecast in the scaled series, [B, 1, H]."""
    now = experts.Lines(lines.level.slice(3, -1), lines.slope.slice(3, -1))
    index = cycle.at(-steps)
    forecasts = experts.extrapolate(now, steps)
    smoothed = (weights.expert @ forecasts).reshape(0, 2, -1)

    naive, known = experts.value_at(past, past.length - 1 + steps - cycle.whole(steps))
    last = experts.EXPERTS.index(experts.NAIVE)
    unseasonal = forecasts.slice(2, last, last + 1).reshape(0, 2, -1)
    naive = where(known > 0.0, naive, unseasonal + index)

    share = weights.expert.sum(3, keepdims=False)
    blended = smoothed + share * index + weights.naive * naive
    blended = blended / weights.variant.maximum(1e-6)

    seen = past.observed > 0.0
    highest = where(seen, past.variants, -history.FAR).max(2)
    lowest = where(seen, past.variants, history.FAR).min(2)
    reach = MAX_EXCURSION * (highest - lowest)
    blended = blended.clip(lowest - reach, highest + reach) + past.centre
    plain = blended.slice(1, 0, 1)
    multiplied = blended.slice(1, 1, 2).minimum(MAX_LOGARITHM).exp()
    return plain + weights.variant.slice(1, 1, 2) * (multiplied - plain)
