"""The profile of one season: an index for every phase, how sure it is, and its spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seasonal.history import History
from ..seasonal.season import detrend
from ..tensor import FLOAT, Tensor, arange, concatenate, where

# Weight of each cycle against the one after it.
DISCOUNT, FAST_DISCOUNT = 0.85, 0.4

# Observations per phase that the noise is assumed to have been estimated from beforehand.
DOUBT = 0.3

# Residuals of usual size that the spread of a phase is assumed to have been seen with.
SPREAD_DOUBT = 2.0

# Least mean size of residuals, as a share of the mean absolute value: below it lies rounding.
SMALLEST_RESIDUAL = 2e-5

# Phases that a season of so many or more is averaged over.
SMOOTHING = {20: 3, 40: 5, 250: 15}
REACH = max(SMOOTHING.values()) // 2

# Longest season that a graph keeps indices for.
LONGEST = 1024

# Steps back to where no history begins.
NOWHERE = 1 << 30

TINY = 1e-6


@dataclass
class Profile:
    """Tables [B, V, phases], by steps before the last observed value; zero beyond a row's own."""

    length: Tensor  # [B, 1, 1]
    shrunk: Tensor  # noise taken out
    plain: Tensor
    fast: Tensor  # mostly the last cycle
    spread: Tensor  # [B, 1, phases], log of the raw residuals' size against that of all
    kept: Tensor  # [B, V, 1], share of the indices' variance that is not noise
    strength: Tensor  # [B, V, 1], standard deviation of the indices


def estimate_profile(history: History, length: Tensor, cycles: int) -> Profile:
    """By classical decomposition: the moving average over a season is the trend."""
    value, seen = _by_phase(history, length, detrend(history, length), cycles)
    back = np.arange(cycles)
    discounts = [DISCOUNT**back, FAST_DISCOUNT**back, DISCOUNT ** (2 * back), 1.0 + 0.0 * back]
    discounts = np.stack(discounts)
    # Sums over the cycles [B, 1, 4, phases]: of both weights, of the first one's squares, and
    # of what was observed.
    weights = history.length.graph.constant(discounts, FLOAT) @ seen
    means = _means(value, seen, weights.slice(2, 0, 2), discounts[:2])
    plain = means.take(0, 2)
    phases = length.cast(FLOAT)
    energy = plain.sum_of_squares(2)
    residual = (value - means.slice(2, 0, 1)) * seen
    # In units of DOUBT, so that the squared indices count one.
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
    """Values [B, V, cycles, phases], zero where missing, and what of them was observed."""
    phase = arange(length.max(0, 1, 2, keepdims=False))
    steps_back = where(phase < length, phase, NOWHERE) + length * np.arange(cycles)[:, None]
    table = concatenate([detrended, history.observed], axis=1)
    places = history.places(steps_back).reshape(0, 1, -1).repeat(1, 3, 1)
    return table.take_along(places, 2).reshape(0, 3, cycles, -1).split(1, [2, 1])


def _means(value: Tensor, seen: Tensor, weight: Tensor, discounts: np.ndarray) -> Tensor:
    """Weighted means of the phases [B, V, weights, phases], which add up to zero over a
    season; zero where nothing is known."""
    mean = (value.graph.constant(discounts, FLOAT) @ value) / weight.maximum(TINY)
    present = seen.max(2)
    return (mean - mean.sum(3) / present.sum(3)) * present


def _kept(
    squares: Tensor, energy: Tensor, weights: Tensor, phases: Tensor
) -> tuple[Tensor, Tensor]:
    """James and Stein (1961): the share of the indices' variance that is more than noise of
    the size seen between cycles would make by itself; and the indices' standard deviation.

    `squares` and `energy` are the sums [B, V, 1] of squared residuals, weighted and in units of
    DOUBT, and of squared indices.
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
    """Logarithm of the mean size [B, 1, phases] of the residuals of each phase."""
    count = weights.take(3, 2)
    total = residual.sum_of_sizes(2, keepdims=False)
    mean = (total.sum(2) / count.sum(2)).maximum(SMALLEST_RESIDUAL)
    return ((total / mean + SPREAD_DOUBT) / (count + SPREAD_DOUBT)).log()


def smooth(table: Tensor, length: Tensor) -> Tensor:
    """Circular moving average, as wide as the length of the season asks for."""
    half, before = 0, 0
    for phases, width in SMOOTHING.items():
        half = half + (length >= phases).cast(length.dtype) * (width // 2 - before)
        before = width // 2
    count = table.size(2)
    around = (arange(count + 2 * REACH) - REACH + LONGEST * length) % length
    running = table.take_along(around.repeat(1, 2, 1), 2).cumsum(2).pad([0, 0, 1], [0, 0, 0])
    first = (arange(count) + REACH - half).repeat(1, 2, 1)
    last = first + (2 * half + 1)
    box = running.take_along(last, 2) - running.take_along(first, 2)
    return box / (2 * half + 1).cast(FLOAT)
