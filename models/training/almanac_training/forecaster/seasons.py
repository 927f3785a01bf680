"""Seasonal indices of two seasons, in several versions for the gate to choose from.

The first season is given with the request. If it is a day of hours or minutes, or a week of days,
there may be a second one: seven times as long, or a year. The second season is estimated from the
series without the first, and smoothed if it has many phases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..seasonal.history import History
from ..tensor import Tensor, branch, concatenate, where
from .profile import BEFORE_HISTORY, LONGEST, Profile, estimate_profile, smooth

CYCLES, SECOND_CYCLES = 12, 6

# The second season of days or of business days is the year.
YEARS = {7: 364, 5: 260}
DAYS_PER_WEEK, HOURS_PER_DAY = 7, 24

# From this many phases on, the first season has a smoothed version. No second season is shorter.
MANY_PHASES = 20


def _second_lengths() -> np.ndarray:
    """Return the second season length by the first: a week, a year, or 1 if there is none."""
    lengths = np.ones(LONGEST + 1, dtype=np.int64)
    days = np.arange(HOURS_PER_DAY, LONGEST // DAYS_PER_WEEK + 1, HOURS_PER_DAY)
    lengths[days] = DAYS_PER_WEEK * days
    lengths[list(YEARS)] = list(YEARS.values())
    return lengths


@dataclass
class Seasons:
    """Seasons at n positions: the fixed ones, then the K of the forecast."""

    length: Tensor  # [B, 1, 1], of the first season
    index: Tensor  # [B, V, n], of the first season
    other: Tensor  # [B, V, n], of both if there are two, else smoothed and not shrunk
    fast: Tensor  # [B, V, K], of the first season, dominated by its last cycle
    spread: Tensor  # [B, 1, K], log of the phase's spread relative to the mean
    sources: Tensor  # [B, 1, 3 K], steps back to one season, two seasons, one second season ago
    kept: Tensor  # [B, V, 1], share of the indices' variance that is not noise
    strength: Tensor  # [B, V, 1], standard deviation of the indices
    has_second: Tensor  # [B, 1, 1], bool
    second: Tensor  # [B, 2, 1], share kept and strength of the second season's raw indices


def estimate(history: History, season_length: Tensor, fixed: np.ndarray, back: Tensor) -> Seasons:
    """Estimate indices at positions `fixed` [m] and `back` [B, 1, K].

    Positions are in steps before the last value. `season_length` is [B]; 0, 1 and lengths beyond
    the history mean that there is no season.
    """
    length = season_length.unsqueeze(1, 2)
    length = where(length < history.span.minimum(LONGEST + 1), length, 1).maximum(1)
    first = estimate_profile(history, length, CYCLES)
    places = length.graph.constant(fixed)

    def phases(of: Tensor) -> Tensor:
        return concatenate([places % of, back % of], axis=2).repeat(1, 2, 1)

    phase, own_phase = phases(length), back % length
    index = first.shrunk.take_along(phase, 2)
    ahead = concatenate([first.fast, first.spread], axis=1)
    fast, spread = ahead.take_along(own_phase.repeat(1, 3, 1), 2).split(1, [2, 1])

    second_length = _second_length(history, length)
    has_second = second_length > 1
    before = where(has_second, back % second_length, BEFORE_HISTORY)

    def plain() -> list[Tensor]:
        return [first.plain.take_along(phase, 2), 0.0 * first.kept]

    def many() -> list[Tensor]:
        smoothed = smooth(first.plain, length).take_along(phase, 2)
        any_second = second_length.max(0, 1, 2, keepdims=False) > 1
        return branch(any_second, lambda: two(smoothed), lambda: [smoothed, 0.0 * first.kept])

    def two(smoothed: Tensor) -> list[Tensor]:
        second = _second(history, first, second_length)
        both = index + second.shrunk.take_along(phases(second_length), 2)
        worth = concatenate([second.kept.slice(1, 0, 1), second.strength.slice(1, 0, 1)], axis=1)
        return [where(has_second, both, smoothed), worth]

    longest = length.maximum(second_length).max(0, 1, 2, keepdims=False)
    other, second = branch(longest >= MANY_PHASES, many, plain)
    return Seasons(
        length=length,
        index=index,
        other=other,
        fast=fast,
        spread=spread,
        sources=concatenate([own_phase, own_phase + length, before], axis=2),
        kept=first.kept,
        strength=first.strength,
        has_second=has_second,
        second=second,
    )


def _second_length(history: History, length: Tensor) -> Tensor:
    """Return the length of the second season; 1 if there is none within the history."""
    length = length.graph.constant(_second_lengths()).take(length, 0)
    return where(length < history.span, length, 1)


def _second(history: History, first: Profile, length: Tensor) -> Profile:
    """Estimate the second season without the first, with smoothed indices."""
    phase = (-1 - history.position) % first.length
    rest = history.variants - first.shrunk.take_along(phase.repeat(1, 2, 1), 2)
    second = estimate_profile(history.with_variants(rest * history.observed), length, SECOND_CYCLES)
    return replace(second, shrunk=smooth(second.shrunk, length))
