"""The profile of one season: an index for every phase, the certainty of it, and its spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seasonal.history import History
from ..seasonal.season import detrend
from ..tensor import FLOAT, Tensor, arange, concatenate, where

# Weight of each cycle relative to the one after it.
DISCOUNT, FAST_DISCOUNT = 0.85, 0.4

# Prior observations per phase in the estimate of the noise.
DOUBT = 0.3

# Prior residuals of usual size in the estimate of a phase's spread.
SPREAD_DOUBT = 2.0

# Lower bound of the mean size of residuals, as a share of the mean absolute value: below it is
# float32 rounding.
MIN_RESIDUAL = 2e-5

# By the smallest season length: number of phases that a smoothed profile averages over.
SMOOTHING = {20: 3, 40: 5, 250: 15}
REACH = max(SMOOTHING.values()) // 2

# Longest season length that the graph keeps indices for.
LONGEST = 1024

# Number of steps back that lies before any history.
BEFORE_HISTORY = 1 << 30

TINY = 1e-6


@dataclass
class Profile:
    """Tables [B, V, phases] by steps before the last observed value, padded with zeros."""

    length: Tensor  # [B, 1, 1]
    shrunk: Tensor  # with noise shrunk away
    plain: Tensor
    fast: Tensor  # dominated by the last cycle
    spread: Tensor  # [B, 1, phases], log of the raw residuals' size relative to the mean
    kept: Tensor  # [B, V, 1], share of the indices' variance that is not noise
    strength: Tensor  # [B, V, 1], standard deviation of the indices


def estimate_profile(history: History, length: Tensor, cycles: int) -> Profile:
    """Estimate by classical decomposition: the moving average over a season is the trend."""
    value, seen = _by_phase(history, length, detrend(history, length), cycles)
    back = np.arange(cycles)
    discounts = np.stack(
        [DISCOUNT**back, FAST_DISCOUNT**back, DISCOUNT ** (2 * back), 1.0 + 0.0 * back]
    )
    # Sums over the cycles [B, 1, 4, phases]: both weights, the squares of the first, and the
    # number of observations.
    weights = history.length.graph.constant(discounts, FLOAT) @ seen
    means = _means(value, seen, weights.slice(2, 0, 2), discounts[:2])
    plain = means.take(0, 2)
    phases = length.cast(FLOAT)
    energy = plain.sum_of_squares(2)
    residual = (value - means.slice(2, 0, 1)) * seen
    # In units of DOUBT, so that the squared indices have weight one.
    squares = residual.sum_of_squares(3, keepdims=False) @ (discounts[0][:, None] / DOUBT)
    kept, strength = _kept(squares, energy, weights, phases)
    spread = _spread(residual.slice(1, 0, 1), weights)
    return Profile(
        length=length,
        shrunk=plain * kept,
        plain=plain,
        fast=means.take(1, 2),
        spread=where(length > 1, spread, 0.0),
        kept=kept,
        strength=strength,
    )


def _by_phase(history: History, length: Tensor, detrended: Tensor, cycles: int) -> list[Tensor]:
    """Return values [B, V, cycles, phases] with zeros for missing ones, and the mask of them."""
    phase = arange(length.max(0, 1, 2, keepdims=False))
    steps_back = where(phase < length, phase, BEFORE_HISTORY) + length * np.arange(cycles)[:, None]
    table = concatenate([detrended, history.observed], axis=1)
    places = history.places(steps_back).reshape(0, 1, -1).repeat(1, 3, 1)
    return table.take_along(places, 2).reshape(0, 3, cycles, -1).split(1, [2, 1])


def _means(value: Tensor, seen: Tensor, weight: Tensor, discounts: np.ndarray) -> Tensor:
    """Return weighted means of the phases [B, V, weights, phases].

    They are centred to sum to zero over a season, and zero for phases without observations.
    """
    mean = (value.graph.constant(discounts, FLOAT) @ value) / weight.maximum(TINY)
    present = seen.max(2)
    return (mean - mean.sum(3) / present.sum(3)) * present


def _kept(
    squares: Tensor, energy: Tensor, weights: Tensor, phases: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the share of the indices' variance that is not noise, and their deviation.

    Shrinkage follows James and Stein (1961): the share is what exceeds the variance that noise of
    the size observed between cycles would cause by itself. `squares` and `energy` are the sums
    [B, V, 1] of squared residuals, weighted and in units of DOUBT, and of squared indices.
    """
    evidence, _, squared_weight, _ = weights.split(2, [1, 1, 1, 1])
    total, _, squared_total, _ = weights.sum(3, keepdims=False).split(2, [1, 1, 1, 1])
    between = energy / phases
    fitted = (squared_weight / evidence.maximum(TINY)).sum(3, keepdims=False)
    within = (squares + energy) / ((total - fitted) * (1.0 / DOUBT) + phases)
    effective = total * total / (squared_total * phases)
    noise = within / effective.maximum(1.0)
    kept = (between - noise).maximum(0.0) / between.maximum(TINY * TINY)
    return kept, between.sqrt()


def _spread(residual: Tensor, weights: Tensor) -> Tensor:
    """Return the logarithm of the relative size of each phase's residuals, [B, 1, phases]."""
    count = weights.take(3, 2)
    total = residual.sum_of_sizes(2, keepdims=False)
    mean = (total.sum(2) / count.sum(2)).maximum(MIN_RESIDUAL)
    return ((total / mean + SPREAD_DOUBT) / (count + SPREAD_DOUBT)).log()


def smooth(table: Tensor, length: Tensor) -> Tensor:
    """Apply a circular moving average whose width depends on the season length."""
    half: Tensor | int = 0
    before = 0
    for phases, width in SMOOTHING.items():
        half = half + (length >= phases).cast(length.dtype) * (width // 2 - before)
        before = width // 2
    assert isinstance(half, Tensor)
    count = table.size(2)
    around = (arange(count + 2 * REACH) - REACH + LONGEST * length) % length
    running = table.take_along(around.repeat(1, 2, 1), 2).cumsum(2).pad([0, 0, 1], [0, 0, 0])
    first = (arange(count) + REACH - half).repeat(1, 2, 1)
    last = first + (2 * half + 1)
    box = running.take_along(last, 2) - running.take_along(first, 2)
    return box / (2 * half + 1).cast(FLOAT)
