"""The mixture of experts as an ONNX graph: from the gate's output to quantiles.

`mixture` computes the same in PyTorch. Sums over experts are products with constant matrices, and
values that depend on the step ahead alone are looked up: the runtime takes as long for a small
node as for a thousand numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..tensor import FLOAT, Tensor, concatenate, where
from . import lines, settings
from .errors import MIN_NOISE
from .evidence import Evidence
from .settings import CHANNELS, EXPERTS, EXTRAS, KNOTS, LINES, LOG_KNOTS, ROWS, TINY

# Terms of the forecast, and their sizes; each is multiplied by its value at a step.
TERMS = {
    "base": CHANNELS,
    "slopes": CHANNELS * len(lines.DAMPINGS),
    "zero": 1,
    "fast": CHANNELS,
    "first": CHANNELS,
    "second": CHANNELS,
    "naive": 3,  # of one season, the mean of two, of the second season
}

# Quantities that are interpolated from the knots to the steps, and their sizes.
AT_KNOTS = {
    "terms": sum(TERMS.values()),
    "share": CHANNELS,
    "logarithm": 1,
    "width": 1,
    "recent": 1,
    "growth": 1,
    "phase": 1,
    "shape": settings.QUANTILES,
}

# Upper bound of the steps ahead: the longest history less one value, plus the longest horizon.
FARTHEST = 2048 + 1024

# Quantities that depend on the step alone, and their sizes.
AT_STEPS = {
    "runs": TERMS["base"] + TERMS["slopes"] + TERMS["zero"],
    "knots": len(KNOTS),
    "beyond": 1,
}

# Sums of expert weights, and their sizes.
SUMS = {
    "first": CHANNELS,
    "second": CHANNELS,
    "naive": 3,
    "share": CHANNELS,
    "logarithm": 1,
    "zero": 1,
    "lines": CHANNELS,
}


def quantiles(output: Tensor, found: Evidence, steps: Tensor) -> Tensor:
    """Return quantiles [B, Q, H] in scaled units.

    `output` is [B, J, OUTPUTS] and `steps` is [B, 1, H].
    """
    logits, *extras = output.split(2, [EXPERTS, *EXTRAS.values()])
    extra = dict(zip(EXTRAS, extras, strict=True))
    banned = (1.0 - found.positive) * (settings.LOG_ZERO * settings.IS_LOGARITHM)
    weight = (logits + banned).softmax(2)
    parts = (weight @ _sums_of_weights()).split(2, list(SUMS.values()))
    sums = dict(zip(SUMS, parts, strict=True))
    by_line = weight.slice(2, 0, LINES)
    level, step = (of.reshape(0, 1, -1) for of in (found.level, found.step))
    log_width = _knot_width(by_line, level, step, sums["lines"], extra, found)

    # The direction of a series with a single value is unknown.
    varies = (found.highest > found.lowest).slice(1, 0, 1)
    # The last cycle takes its share from the first season.
    fast = extra["fast"].sigmoid() * sums["first"]
    at_knots = [
        (by_line * level) @ _by_channel(),
        (by_line * step) @ _by_damping(),
        sums["zero"] * found.centre.slice(1, 0, 1),
        fast,
        sums["first"] - fast,
        *(sums[name] for name in ("second", "naive", "share", "logarithm")),
        log_width,
        concatenate([extra[name] for name in ("recent", "growth", "phase")], axis=2).sigmoid(),
        extra["gaps"].softplus(),
        where(varies, extra["shift"], 0.0),
    ]
    known = dict(zip(AT_STEPS, _at_steps(steps), strict=True))
    joined = concatenate(at_knots, axis=2).transpose(0, 2, 1) @ known["knots"]
    at = dict(zip(AT_KNOTS, joined.split(1, list(AT_KNOTS.values())), strict=True))

    point = _point(at, found, known["runs"])
    width = _width(at, log_width, found, known["beyond"], point)
    spread = point + width * (steps.graph.constant(settings.SHAPE) @ at["shape"])
    return spread + at["recent"] * (found.recent - spread)


def _point(at: Mapping[str, Tensor], found: Evidence, runs: Tensor) -> Tensor:
    """Return the mixed forecast, [B, 1, H]."""
    values = concatenate([runs, found.fast, found.season, found.naive], axis=1)
    total = values.graph.constant(_sums_of_terms()) @ (at["terms"] * values)
    total = total / at["share"].clamp(TINY)
    reach = settings.MAX_EXCURSION
    ends = concatenate([found.lowest, found.highest], axis=2)
    low, high = (ends @ np.array([[1 + reach, -reach], [-reach, 1 + reach]])).split(2, [1, 1])
    total = total.clip(low, high) + found.centre
    plain, logarithm = total.split(1, [1, 1])
    multiplied = logarithm.minimum(settings.MAX_LOGARITHM).exp()
    return plain + at["logarithm"] * (multiplied - plain)


def _knot_width(
    by_line: Tensor,
    level: Tensor,
    step: Tensor,
    share: Tensor,
    extra: Mapping[str, Tensor],
    found: Evidence,
) -> Tensor:
    """Return the logarithmic width at every knot [B, J, 1], from noise and disagreement."""
    by_channel = _by_channel()
    forecast = level + step * np.tile(settings.KNOT_STEPS, ROWS)
    mean = ((by_line * forecast) @ by_channel) / share.clamp(TINY)
    apart = (by_line * (forecast - mean @ by_channel.T).abs()) @ by_channel
    # A difference of logarithms is relative to the current level.
    plain, logarithm = apart.split(2, [1, 1])
    disagreement = plain + logarithm * found.present.abs()
    return (found.noise + extra["doubt"].softplus() * disagreement).log() + extra["width"]


def _width(
    at: Mapping[str, Tensor], log_width: Tensor, found: Evidence, beyond: Tensor, point: Tensor
) -> Tensor:
    """Return the width at every step, [B, 1, H]."""
    growth = log_width.graph.constant(_far_growth()) @ log_width
    log = at["width"] + growth.clamp(0.0, settings.MAX_FAR_GROWTH) * beyond
    level = found.present.abs().maximum(found.noise)
    highest = float(np.exp(settings.MAX_GROWTH))
    ratio = (point.abs() / level).clamp(settings.MIN_LEVEL, highest).log()
    log = log + at["growth"] * ratio + at["phase"] * found.spread
    # A constant series has no band: its noise is float32 rounding.
    log = where(found.noise > MIN_NOISE, log, settings.LOG_ZERO)
    return log.minimum(settings.MAX_LOGARITHM).exp()


def _at_steps(steps: Tensor) -> list[Tensor]:
    """Return the quantities in `AT_STEPS`, [B, n, H] each."""
    table = steps.graph.constant(_step_table(), FLOAT)
    rows = table.take(steps.minimum(FARTHEST - 1).reshape(0, -1), 0)
    return rows.transpose(0, 2, 1).split(1, list(AT_STEPS.values()))


def _step_table() -> np.ndarray:
    """Return `AT_STEPS` by steps ahead, [FARTHEST, n]."""
    step = np.maximum(np.arange(FARTHEST), 1)[:, None]
    runs = [lines.damped_steps(damping, step) for damping in lines.DAMPINGS]
    place = np.interp(np.log(step), LOG_KNOTS, np.arange(len(KNOTS)))
    knots = np.maximum(1.0 - np.abs(place - np.arange(len(KNOTS))), 0.0)
    beyond = np.maximum(np.log(step) - LOG_KNOTS[-1], 0.0)
    one = np.ones_like(step)
    runs = [*[one] * TERMS["base"], *(runs * CHANNELS), one]
    return np.concatenate([*runs, knots, beyond], axis=1)


def _by_channel() -> np.ndarray:
    """Return [LINES, CHANNELS], one if a line belongs to the channel."""
    channel = np.tile(np.repeat(np.arange(CHANNELS), len(lines.EXPERTS)), ROWS // CHANNELS)
    return np.equal.outer(channel, np.arange(CHANNELS)).astype(np.float32)


def _by_damping() -> np.ndarray:
    """Return [LINES, CHANNELS * DAMPINGS], one if a line has the channel and the damping."""
    damping = np.tile(settings.GROUPS, (ROWS, 1))
    return (_by_channel()[:, :, None] * damping[:, None, :]).reshape(LINES, -1)


def _sums_of_weights() -> np.ndarray:
    """Return the matrix [EXPERTS, SUMS] of sums over expert weights.

    The mean of all values is the centre of a channel, and contributes nothing.
    """
    line_channel = np.pad(_by_channel(), [(0, settings.OTHERS), (0, 0)])
    row = np.pad(np.repeat(np.arange(ROWS), len(lines.EXPERTS)), (0, settings.OTHERS))
    first, second = (
        line_channel * (row // CHANNELS == adjustment)[:, None] for adjustment in (1, 2)
    )
    naive, zero = np.eye(EXPERTS)[:, LINES : LINES + 3], np.eye(EXPERTS)[:, [-1]]
    logarithm = settings.IS_LOGARITHM[:, None]
    share = np.concatenate([1.0 - logarithm, logarithm], axis=1)
    return np.concatenate([first, second, naive, share, logarithm, zero, line_channel], axis=1)


def _sums_of_terms() -> np.ndarray:
    """Return the matrix [CHANNELS, TERMS] of the channel that each term belongs to.

    Naive terms and zero belong to the raw channel, where zero lies below the centre.
    """
    identity = np.eye(CHANNELS)
    slopes = np.repeat(identity, len(lines.DAMPINGS), axis=1)
    naive = np.repeat(identity[:, [0]], TERMS["naive"], axis=1)
    return np.concatenate(
        [identity, slopes, -identity[:, [0]], identity, identity, identity, naive], axis=1
    )


def _far_growth() -> np.ndarray:
    """Return [1, J]: the slope over the last knots against the logarithm of the step."""
    slope = np.zeros((1, len(KNOTS)))
    slope[0, [settings.FAR_KNOT, -1]] = -1.0, 1.0
    return slope / (LOG_KNOTS[-1] - LOG_KNOTS[settings.FAR_KNOT])
