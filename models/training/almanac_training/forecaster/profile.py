"""The profile of one season: an index for every phase, how sure it is, and its spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seasonal.history import History
from ..seasonal.season import detrend
from ..tensor import FLOAT, Tensor, arange, concatenate

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

TINY = 1e-6


@dataclass
class Profile:
    """Tables [B, V, phases], by steps before the last observed value."""

    length: Tensor  # [B, 1, 1]
    shrunk: Tensor  # noise taken out
    plain: Tensor
    fast: Tensor  # mostly the last cycle
    spread: Tensor  # [B, 1, phases], log of the raw residuals' size against that of all
    kept: Tensor  # [B, V, 1], share of the indices' variance that is not noise
    strength: Tensor  # [B, V, 1], standard deviation of the indices
    inside: Tensor  # [B, 1, phases], one for the phases that a row has


def estimate_profile(history: History, length: Tensor, cycles: int) -> Profile:
    """By classical decomposition: the moving average over a season is the trend."""
    value, seen, inside = _by_phase(history, length, detrend(history, length), cycles)
    weight = seen * DISCOUNT ** np.arange(cycles)
    evidence = weight.sum(3, keepdims=False)
    plain = _mean(value, weight, evidence)
    fast = _mean(value, seen * FAST_DISCOUNT ** np.arange(cycles))
    phases = inside.sum(2)
    between = (plain * plain).sum(2) / phases
    residual = (value - plain.unsqueeze(3)) * seen
    kept = _kept(residual, weight, evidence, between, phases)
    return Profile(
        length=length,
        shrunk=plain * kept,
        plain=plain,
        fast=fast,
        spread=_spread(residual.slice(1, 0, 1).abs(), seen) * inside * (length > 1).cast(FLOAT),
        kept=kept,
        strength=between.sqrt(),
        inside=inside,
    )


def _by_phase(
    history: History, length: Tensor, detrended: Tensor, cycles: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Values [B, V, phases, cycles], what of them was observed, and phases that exist."""
    phase = arange(length.max(0, 1, 2, keepdims=False)).unsqueeze(0, 1)
    inside = phase < length
    steps_back = phase.unsqueeze(3) + length.unsqueeze(3) * np.arange(cycles)
    exists = ((steps_back < history.length) & inside.unsqueeze(3)).cast(FLOAT)
    position = (history.length - 1 - steps_back).maximum(0)
    flat = position.reshape(0, 1, -1)
    both = concatenate([detrended, history.observed], axis=1)
    table = both.take_along(concatenate([flat, flat, flat], axis=1), 2)
    table = table.reshape(0, 3, -1, cycles)
    return table.slice(1, 0, 2), table.slice(1, 2, 3) * exists, inside.cast(FLOAT)


def _mean(value: Tensor, weight: Tensor, evidence: Tensor | None = None) -> Tensor:
    """Weighted means of the phases, which add up to zero; zero where nothing is known."""
    if evidence is None:
        evidence = weight.sum(3, keepdims=False)
    mean = (value * weight).sum(3, keepdims=False) / evidence.maximum(TINY)
    present = (evidence > 0.0).cast(FLOAT)
    return (mean - (mean * present).sum(2) / present.sum(2).maximum(1.0)) * present


def _kept(
    residual: Tensor, weight: Tensor, evidence: Tensor, between: Tensor, phases: Tensor
) -> Tensor:
    """James and Stein (1961): the share of the indices' variance that is more than noise of
    the size seen between cycles would make by itself."""
    weighted = residual * residual * weight
    squares = weighted.sum(2, 3, keepdims=False).unsqueeze(2)
    squared_weight = (weight * weight).sum(3, keepdims=False)
    total = evidence.sum(2)
    freedom = total - (squared_weight / evidence.maximum(TINY)).sum(2)
    within = (squares + DOUBT * phases * between) / (freedom + DOUBT * phases)
    effective = total * total / (squared_weight.sum(2) * phases)
    noise = within / effective.maximum(1.0)
    return (between - noise).maximum(0.0) / between.maximum(TINY * TINY)


def _spread(size: Tensor, seen: Tensor) -> Tensor:
    """Logarithm of the mean size [B, 1, phases] of the residuals of each phase."""
    count = seen.sum(3, keepdims=False)
    total = size.sum(3, keepdims=False)
    mean = (total.sum(2) / count.sum(2).maximum(1.0)).maximum(SMALLEST_RESIDUAL)
    return ((total + SPREAD_DOUBT * mean) / (mean * (count + SPREAD_DOUBT))).log()


def smooth(table: Tensor, length: Tensor, inside: Tensor) -> Tensor:
    """Circular moving average, as wide as the length of the season asks for."""
    half, before = 0, 0
    for phases, width in SMOOTHING.items():
        half = half + (length >= phases).cast(length.dtype) * (width // 2 - before)
        before = width // 2
    count = table.size(2)
    around = (arange(count + 2 * REACH).unsqueeze(0, 1) - REACH + LONGEST * length) % length
    running = table.take_along(concatenate([around, around], axis=1), 2).cumsum(2)
    running = running.pad([0, 0, 1], [0, 0, 0])
    first = arange(count).unsqueeze(0, 1) + REACH - half
    last = first + 2 * half + 1
    first, last = (concatenate([end, end], axis=1) for end in (first, last))
    box = running.take_along(last, 2) - running.take_along(first, 2)
    return box / (2 * half + 1).cast(FLOAT) * inside
