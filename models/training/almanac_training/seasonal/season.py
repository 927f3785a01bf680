"""Seasonal indices by classical decomposition, with shrinkage of uncertain seasons.

The trend is a centred moving average over one season (Hyndman and Athanasopoulos, Forecasting:
Principles and Practice, 3rd edition, section 3.4), computed as a difference of cumulative sums so
that every row may have its own season length. Index p is the discounted mean of the detrended
values p, p + m, p + 2m ... steps before the end, in which the most recent season weighs most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import FLOAT, INT, Tensor, arange, concatenate, where
from .history import History

# Number of seasons in the mean, and the weight of each relative to the one after it.
CYCLES = 12
CYCLE_DISCOUNT = 0.8

# Share of the slope between the last two seasons that extends the trend over the half season at
# either end, where no centred average exists.
EDGE_SLOPE = 0.5

# Prior observations per phase in the estimate of the noise, as noisy as the indices differ: one
# cycle is no evidence of a season.
DOUBT = 0.3

TINY = 1e-6


@dataclass
class Season:
    """The seasonal indices of all rows."""

    length: Tensor  # [B, 1, 1], steps per season; 1 if the history is too short for one
    indices: Tensor  # [B, V, phases], by steps before the last observed value
    noise: Tensor  # [B, V, 1], share of one observation's noise that remains in an index

    def at(self, steps_back: Tensor) -> Tensor:
        """Return indices [B, V, n], by steps before (negative: after) the last observed value."""
        phase = steps_back % self.length
        return self.indices.take_along(concatenate([phase, phase], axis=1), 2)

    def whole(self, steps: Tensor) -> Tensor:
        """Return steps [1 or B, 1, n] rounded up to whole seasons."""
        beyond = steps + self.length - 1
        return beyond - beyond % self.length


def estimate(history: History, season_length: Tensor) -> Season:
    """Estimate the indices; `season_length` is [B]."""
    length = season_length.unsqueeze(1, 2)
    length = one_unless((length > 1) & (length < history.span), length)
    detrended = detrend(history, length)
    return Season(length, *_indices(history, length, detrended))


def one_unless(condition: Tensor, length: Tensor) -> Tensor:
    """Return the length where the condition holds, else one."""
    return (length - 1) * condition.cast(INT) + 1


def detrend(history: History, length: Tensor) -> Tensor:
    """Return the variants minus their centred moving average, [B, V, T]."""
    running = history.channels.cumsum(2)
    # The sum of a window is the running sum at its end minus that before its start. A season of
    # even length has no middle step; the mean of the two windows around it has.
    wanted = history.position - (length + np.array([[2], [1]])) // 2
    before = wanted.maximum(-1 - history.span).minimum(-1 - length)
    ends = concatenate([before + length, before], axis=1).reshape(0, 1, -1)
    upper, lower = running.take_along(ends.repeat(1, 3, 1), 2).parts(2, 2)
    one, other = (upper - lower).parts(2, 2)
    total, count = (one + other).split(1, [2, 1])
    trend = total / count.maximum(1.0)

    # Twice the distance between the middle of the two windows and the step.
    beyond = (wanted - before).sum(1).cast(FLOAT)
    slope_before, slope_after = _edge_slopes(history, length, trend)
    rise = beyond * where(beyond < 0.0, slope_before, slope_after)
    return (history.variants - (trend + rise)) * history.observed


# From the trend at four positions to its differences in the first and in the last season, damped
# by EDGE_SLOPE, per half step.
_EDGES = 0.5 * EDGE_SLOPE * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], dtype=np.float32)


def _edge_slopes(history: History, length: Tensor, trend: Tensor) -> tuple[Tensor, Tensor]:
    """Return the slope of the trend per half step before its first and after its last season."""
    half = length // 2
    first, last = half - history.span, -1 - half
    distance = length.minimum(history.span - length).maximum(1)
    places = concatenate([first, first + distance, last - distance, last], axis=2)
    rise = trend.take_along(places.repeat(1, 2, 1), 2) @ _EDGES
    slope_before, slope_after = (rise / distance.cast(FLOAT)).split(2, [1, 1])
    return slope_before, slope_after


def _indices(history: History, length: Tensor, detrended: Tensor) -> tuple[Tensor, Tensor]:
    """Return shrunk indices [B, V, phases] and their noise; phases beyond a season are zero."""
    phase = arange(length.max(0, 1, 2, keepdims=False)).reshape(1, 1, -1, 1)
    steps_back = phase + length.unsqueeze(3) * np.arange(CYCLES)
    exists = ((steps_back < history.length) & (phase < length.unsqueeze(3))).cast(FLOAT)
    position = (history.length - 1 - steps_back).maximum(0)
    rows = position.size(0)
    flat = position.reshape(rows, 1, -1)

    discount = CYCLE_DISCOUNT ** np.arange(CYCLES)
    weight = history.observed.take_along(flat, 2).reshape(rows, 1, -1, CYCLES) * exists * discount
    value = detrended.take_along(concatenate([flat, flat], axis=1), 2).reshape(rows, 2, -1, CYCLES)

    evidence = weight.sum(3, keepdims=False)
    indices = (value * weight).sum(3, keepdims=False) / evidence.maximum(TINY)
    present = (evidence > 0.0).cast(FLOAT)
    phases = present.sum(2).maximum(1.0)
    indices = (indices - (indices * present).sum(2) / phases) * present

    # James and Stein (1961): shrink by the share of the indices' variance that noise of the size
    # observed between cycles would cause by itself.
    between = (indices * indices).sum(2) / phases
    residual = value - indices.unsqueeze(3)
    squares = (residual * residual * weight).sum(2, 3, keepdims=False).unsqueeze(2)
    squared_weight = weight * weight
    freedom = evidence.sum(2) - (
        squared_weight.sum(3, keepdims=False) / evidence.maximum(TINY)
    ).sum(2)
    within = (squares + DOUBT * phases * between) / (freedom + DOUBT * phases)
    total_weight = evidence.sum(2)
    effective = (
        total_weight
        * total_weight
        / (squared_weight.sum(2, 3, keepdims=False).unsqueeze(2).maximum(TINY) * phases)
    )
    noise = within / effective.maximum(1.0)
    kept = (between - noise).maximum(0.0) / between.maximum(TINY * TINY)
    return indices * kept, kept / effective.maximum(1.0)
