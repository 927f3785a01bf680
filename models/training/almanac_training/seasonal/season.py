"""Seasonal indices by classical decomposition, with doubtful seasons shrunk away.

The trend is a centred moving average over one season (Hyndman and Athanasopoulos,
Forecasting: Principles and Practice, 3rd edition, section 3.4), taken as a
difference of cumulative sums so that every row may have its own season length.
Index p is the discounted mean of what is left at p, p + m, p + 2m ... steps before
the end, the most recent season counting most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import FLOAT, INT, Tensor, arange, concatenate, where
from .history import History

# Seasons looked back on, and the weight of each against the one after it.
CYCLES = 12
CYCLE_DISCOUNT = 0.8

# Share of the slope between the last two seasons that carries the trend through the
# half season at either end, where no centred average exists.
EDGE_SLOPE = 0.5

# Observations per phase that the noise is assumed to have been estimated from
# beforehand, all of them as noisy as the indices differ: one cycle proves no season.
DOUBT = 0.3

TINY = 1e-6


@dataclass
class Season:
    length: Tensor  # [B, 1, 1], steps per season; 1 where the history is too short for one
    indices: Tensor  # [B, V, phases], by steps before the last observed value
    noise: Tensor  # [B, V, 1], how much of one observation's noise is left in an index

    def at(self, steps_back: Tensor) -> Tensor:
        """Indices [B, V, steps] for steps before (negative: after) the last observed value."""
        phase = steps_back % self.length
        return self.indices.take_along(concatenate([phase, phase], axis=1), 2)

    def whole(self, steps: Tensor) -> Tensor:
        """Steps [1 or B, 1, n] rounded up to whole seasons."""
        beyond = steps + self.length - 1
        return beyond - beyond % self.length


def estimate(history: History, season_length: Tensor) -> Season:
    """`season_length` is [B]."""
    length = season_length.unsqueeze(1, 2)
    length = one_unless((length > 1) & (length < history.span), length)
    detrended = detrend(history, length)
    return Season(length, *_indices(history, length, detrended))


def one_unless(condition: Tensor, length: Tensor) -> Tensor:
    return (length - 1) * condition.cast(INT) + 1


def detrend(history: History, length: Tensor) -> Tensor:
    """Variants minus their centred moving average, [B, V, T]."""
    running = history.channels.cumsum(2)
    # A window's sum is the running sum at its end less that before its start. An even season
    # has no middle step: the mean of the two windows around it has.
    wanted = history.position - (length + np.array([[2], [1]])) // 2
    before = wanted.maximum(-1 - history.span).minimum(-1 - length)
    ends = concatenate([before + length, before], axis=1).reshape(0, 1, -1)
    upper, lower = running.take_along(ends.repeat(1, 3, 1), 2).parts(2, 2)
    one, other = (upper - lower).parts(2, 2)
    total, count = (one + other).split(1, [2, 1])
    trend = total / count.maximum(1.0)

    # How far the middle of the two windows lies from the step, twice.
    beyond = (wanted - before).sum(1).cast(FLOAT)
    slope_before, slope_after = _edge_slopes(history, length, trend)
    rise = beyond * where(beyond < 0.0, slope_before, slope_after)
    return (history.variants - (trend + rise)) * history.observed


# From the trend at four places to its differences in the first and in the last season, as
# they carry on, and by half steps.
_EDGES = 0.5 * EDGE_SLOPE * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], dtype=np.float32)


def _edge_slopes(history: History, length: Tensor, trend: Tensor) -> tuple[Tensor, Tensor]:
    """What the trend rises by in half a step beyond its first and its last season, [B, V, 1]."""
    half = length // 2
    first, last = half - history.span, -1 - half
    distance = length.minimum(history.span - length).maximum(1)
    places = concatenate([first, first + distance, last - distance, last], axis=2)
    rise = trend.take_along(places.repeat(1, 2, 1), 2) @ _EDGES
    slope_before, slope_after = (rise / distance.cast(FLOAT)).split(2, [1, 1])
    return slope_before, slope_after


def _indices(history: History, length: Tensor, detrended: Tensor) -> tuple[Tensor, Tensor]:
    """Shrunk indices [B, V, phases] and their noise; phases beyond a row's season are zero."""
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

    # James and Stein (1961): shrink by the share of the indices' variance that noise
    # of the size seen between cycles would make by itself.
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
