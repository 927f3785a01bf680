"""What the gate sees of a series: a row of numbers near one, whatever the units.

Sizes enter as logarithms, signed values as inverse hyperbolic sines, both against the
noise of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seasonal.history import History
from ..tensor import FLOAT, Tensor, concatenate
from .errors import Errors
from .lines import ALPHAS, ORIGINS, Lines
from .seasons import Seasons

# Values of the window that are shown as they are, unadjusted and adjusted.
SHOWN = 36

# Seasonal indices that are shown, from the next step on.
SHOWN_INDICES = 12

COMMON_SEASONS = (1, 4, 12, 7, 24, 48, 52)

# Slopes worth showing, slowest first, and origins to show three of the levels at.
SLOPES = 5
EARLIER = [ORIGINS.index(origin) for origin in (12, 24, 48)]

# What levels are compared with, and slopes multiplied by to be of their size.
PRESENT = ALPHAS.index(0.4)
SLOPE_STEPS = 10.0

# Steps whose mean size tells whether the series has become calmer.
RECENT_STEPS = 24

# Below this share of the mean absolute value lies float32 rounding.
SMALLEST = 1e-6


@dataclass
class View:
    """All that there is to describe."""

    past: History
    cycle: Seasons
    lines: Lines
    missed: Errors
    rows: Tensor  # [B, R, WINDOW], as adjusted
    observed: Tensor  # [B, 1, WINDOW]
    now: Tensor  # [B, R, A], discounted means at the last step
    present: Tensor  # [B, 1, 1], level of the raw values
    ahead: list[Tensor]  # [B, 1, SHOWN_INDICES], next indices of both adjustments


def describe(view: View, season_length: Tensor) -> Tensor:
    """[B, F]"""
    noise = view.missed.noise
    size = view.present.abs() + noise
    told = season_length.unsqueeze(1, 2).maximum(1)

    def flat(values: Tensor) -> Tensor:
        return values.reshape(0, -1)

    sizes = [(view.missed.mean + SMALLEST) / noise.unsqueeze(3), *_sizes(view, size, told)]
    signed = [*_differences(view, (noise / size).maximum(SMALLEST)), *_signed(view)]
    return concatenate(
        [
            concatenate([flat(part) for part in sizes], axis=1).log(),
            _asinh(concatenate([flat(part) for part in signed], axis=1)),
            flat(concatenate([part.cast(FLOAT) for part in _shares(view, told)], axis=1)),
        ],
        axis=1,
    )


def _differences(view: View, share: Tensor) -> list[Tensor]:
    """Levels and slopes in units of the noise; of the logarithms, of the noise's share."""
    noise = view.missed.noise
    unit = concatenate([noise, share] * 3, axis=1)
    last = view.now.slice(2, PRESENT, PRESENT + 1)
    slope = view.lines.slope.take(0, 2).slice(2, 0, SLOPES)
    earlier = view.lines.mean.take(EARLIER, 2).slice(3, 1, 4).reshape(0, 0, -1)
    levels = concatenate([view.now - last, SLOPE_STEPS * slope, earlier - last], axis=2)
    shown = view.rows.take([0, 2], 1).slice(2, -SHOWN) - last.take([0, 2], 1)
    shown = (shown * view.observed.slice(2, -SHOWN)).reshape(0, 1, -1)
    return [levels / unit, concatenate([shown, *view.ahead], axis=2) / noise]


def _sizes(view: View, size: Tensor, told: Tensor) -> list[Tensor]:
    past, noise = view.past, view.missed.noise
    length, known = view.cycle.length.cast(FLOAT), past.count
    told = told.cast(FLOAT)
    return [
        known,
        past.span.cast(FLOAT),
        told,
        length,
        known / length,
        known / told,
        noise,
        size / noise,
        view.missed.usual_step / noise + SMALLEST,
    ]


def _signed(view: View) -> list[Tensor]:
    past, noise = view.past, view.missed.noise
    # Zero, which stands for missing values, takes part: padding makes no difference.
    return [
        past.scaled.min(2).minimum(0.0),
        past.scaled.max(2).maximum(0.0),
        view.cycle.strength.slice(1, 0, 1) / noise,
        view.cycle.second_strength / noise,
    ]


def _shares(view: View, told: Tensor) -> list[Tensor]:
    """[B, 1, 1] each, but for the last"""
    past = view.past
    raw, seen = past.scaled, past.observed
    zero = (raw.abs() < SMALLEST).cast(FLOAT) * seen
    both = seen.slice(2, 1) * seen.slice(2, 0, -1)
    step = (raw.slice(2, 1) - raw.slice(2, 0, -1)) * both
    pairs = both.sum(2).maximum(1.0)
    size = step.abs()
    repeats = (size < SMALLEST).cast(FLOAT) * both
    squares = (step * step).sum(2) + SMALLEST
    turning = (step.slice(2, 1) * step.slice(2, 0, -1)).sum(2) / squares
    recent = size.pad([0, 0, RECENT_STEPS], [0, 0, 0]).slice(2, -RECENT_STEPS).sum(2)
    calm = recent / RECENT_STEPS / (squares / pairs).sqrt() + SMALLEST

    adjusted = view.rows.slice(1, 2, 3)
    mean = adjusted.sum(2) / view.observed.sum(2).maximum(1.0)
    adjusted = adjusted - mean * view.observed
    persistence = (adjusted.slice(2, 1) * adjusted.slice(2, 0, -1)).sum(2)
    persistence = persistence / ((adjusted * adjusted).sum(2) + SMALLEST)
    return [
        past.count / past.span.cast(FLOAT),
        view.cycle.has_second,
        past.positive,
        zero.sum(2) / past.count,
        repeats.sum(2) / pairs,
        turning,
        persistence,
        calm.log(),
        view.cycle.kept,
        view.cycle.second_kept,
        told.equals(np.array(COMMON_SEASONS)[None, :, None]),
    ]


def _asinh(values: Tensor) -> Tensor:
    """Like it: logarithmic far from zero and linear near it, with the sign kept."""
    size = values.abs()
    return (size + 1.0).log() * values / (size + SMALLEST)
