"""Features of the gate: one row of numbers of order one per series, independent of its units.

Sizes enter as logarithms and signed values as inverse hyperbolic sines, both relative to the noise
of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seasonal.history import History
from ..tensor import END, FLOAT, Tensor, concatenate
from .errors import Errors
from .lines import ALPHAS, ORIGINS, ROWS, Lines, place
from .seasons import Seasons

# Number of last values that are features, unadjusted and seasonally adjusted.
SHOWN = 36

# Number of seasonal indices that are features, starting with the next step.
SHOWN_INDICES = 12

COMMON_SEASONS = (1, 4, 12, 7, 24, 48, 52)

# Number of slopes, slowest first, and the origins of which some levels are features.
SLOPES = 5
EARLIER = (12, 24, 48)
EARLIER_ALPHAS = ALPHAS[1:4]

# Index of the level that others are compared with, and a factor that gives slopes a similar size.
PRESENT = ALPHAS.index(0.4)
SLOPE_STEPS = 10.0

# Number of last steps whose mean size shows whether the series has become calmer.
RECENT_STEPS = 24

# Below this share of the mean absolute value is float32 rounding.
EPSILON = 1e-6


@dataclass
class Moves:
    """Differences between neighbouring steps, [B, 1, T - 1]."""

    step: Tensor  # zero if one of the two values is missing
    paired: Tensor  # [B, 2, T - 1], size of the step, and one if both values were observed


@dataclass
class View:
    """The inputs of `describe`."""

    past: History
    cycle: Seasons
    lines: Lines
    errors: Errors
    moves: Moves
    rows: Tensor  # [B, ROWS + 2, WINDOW], seasonally adjusted, observed, and scaled
    observed: Tensor  # [B, 1, WINDOW]
    last: Tensor  # [B, ROWS, 1], discounted means at the last step
    present: Tensor  # [B, 1, 1], current level of the raw values
    ahead: Tensor  # [B, 2, SHOWN_INDICES], next raw indices of both adjustments
    usual_step: Tensor  # [B, 1, 1]


def moves(past: History) -> Moves:
    """Return the differences between neighbouring steps."""
    both = past.observed.slice(2, 1) * past.observed.slice(2, 0, -1)
    step = (past.scaled.slice(2, 1) - past.scaled.slice(2, 0, -1)) * both
    return Moves(step, concatenate([step.abs(), both], axis=1))


def describe(view: View, season_length: Tensor) -> Tensor:
    """Return the features, [B, F]."""
    size = view.present.abs() + view.errors.noise
    given_season = season_length.unsqueeze(1, 2).maximum(1).cast(FLOAT)
    parts = [
        concatenate(_sizes(view, size, given_season), axis=2).log(),
        _asinh(concatenate([*_differences(view, size), *_signed(view)], axis=2)),
        concatenate([part.cast(FLOAT) for part in _shares(view, given_season)], axis=2),
    ]
    return concatenate(parts, axis=2).reshape(0, -1)


def _flatten(values: Tensor) -> Tensor:
    """Return all values of each series as one row, [B, 1, n]."""
    return values.reshape(0, 1, -1)


def _sizes(view: View, size: Tensor, given_season: Tensor) -> list[Tensor]:
    past, noise = view.past, view.errors.noise
    length, known = view.cycle.length.cast(FLOAT), past.count
    return [
        (_flatten(view.errors.mean) + EPSILON) / noise,
        known,
        past.span.cast(FLOAT),
        given_season,
        length,
        known / length,
        known / given_season,
        noise,
        size / noise,
        view.usual_step / noise + EPSILON,
    ]


def _differences(view: View, size: Tensor) -> list[Tensor]:
    """Return levels and slopes in units of the noise, logarithmic ones in its relative size."""
    noise = view.errors.noise
    share = (noise / size).maximum(EPSILON)
    unit = concatenate([noise, share] * (ROWS // 2), axis=1)
    levels = concatenate([view.lines.mean, view.lines.slope], axis=2) @ _chosen()
    # The rows of the first adjustment come one pair of channels after the unadjusted ones.
    shown = view.rows.slices({1: (0, 3, 2), 2: (-SHOWN, END)})
    shown = shown - view.last.slices({1: (0, 3, 2)}) * view.observed.slice(2, -SHOWN)
    return [
        _flatten(levels / unit),
        concatenate([_flatten(shown), _flatten(view.ahead)], axis=2) / noise,
    ]


def _chosen() -> np.ndarray:
    """Return the matrix that selects features from means and slopes, [2 * O * A, n].

    It yields the current means and earlier ones, both less the present level, and slopes.
    """
    count = len(ORIGINS) * len(ALPHAS)
    picking = np.eye(2 * count, dtype=np.float32)
    last = picking[:, [PRESENT]]
    now = picking[:, : len(ALPHAS)] - last
    slope = picking[:, count : count + SLOPES] * SLOPE_STEPS * np.array(ALPHAS[:SLOPES])
    places = [place(origin, alpha) for origin in EARLIER for alpha in EARLIER_ALPHAS]
    return np.concatenate([now, slope, picking[:, places] - last], axis=1)


def _signed(view: View) -> list[Tensor]:
    past, noise = view.past, view.errors.noise
    strengths = [view.cycle.strength.slice(1, 0, 1), view.cycle.second.slice(1, 1, 2)]
    # Zero, which stands for missing values, is included: padding makes no difference.
    return [past.scaled.min(2), past.scaled.max(2), concatenate(strengths, axis=2) / noise]


def _shares(view: View, given_season: Tensor) -> list[Tensor]:
    """Return ratios and flags, [B, 1, n] each."""
    past, step = view.past, view.moves.step
    size, both = view.moves.paired.split(1, [1, 1])
    zero = (past.far.abs() < EPSILON).cast(FLOAT)
    pairs = both.sum(2).maximum(1.0)
    repeats = (size < EPSILON).cast(FLOAT) * both
    squares = step.sum_of_squares(2) + EPSILON
    turning = (step.slice(2, 1) * step.slice(2, 0, -1)).sum(2) / squares
    recent = size.slice(2, -RECENT_STEPS).mean(2)
    calm = recent / (squares / pairs).sqrt() + EPSILON
    return [
        past.count / past.span.cast(FLOAT),
        view.cycle.has_second,
        past.positive,
        zero.sum(2) / past.count,
        repeats.sum(2) / pairs,
        turning,
        _persistence(view),
        calm.log(),
        _flatten(view.cycle.kept),
        view.cycle.second.slice(1, 0, 1),
        given_season.equals(np.array(COMMON_SEASONS)),
    ]


def _persistence(view: View) -> Tensor:
    """Return the autocorrelation of the series without its first season, [B, 1, 1]."""
    adjusted, observed = view.rows.slice(1, 2, 3), view.observed
    adjusted = adjusted - adjusted.sum(2) / observed.sum(2) * observed
    product = (adjusted.slice(2, 1) * adjusted.slice(2, 0, -1)).sum(2)
    return product / (adjusted.sum_of_squares(2) + EPSILON)


def _asinh(values: Tensor) -> Tensor:
    """Approximate asinh: logarithmic far from zero, linear near it, and odd."""
    size = values.abs()
    return (size + 1.0).log() * values / (size + EPSILON)
