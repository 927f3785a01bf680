"""Training windows: the context that a forecaster sees of a series, and its future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Steps kept of the future, and the smaller usual number for these seasons.
FUTURE = 256
USUAL_FUTURE = {1: 20, 4: 30, 12: 72}
FULL_FUTURE = 0.15

# Shortest and longest context by season length; lengths are log-uniform between them.
CONTEXTS = {
    1: (5, 80),
    4: (8, 150),
    12: (14, 320),
    52: (50, 520),
    7: (20, 1000),
    5: (20, 1000),
    24: (50, 1100),
    48: (100, 1500),
}
OTHER_CONTEXTS = (24, 700)

# Share of windows with a very short context, and of those whose season is not given.
SHORT_CONTEXT = 0.03
UNKNOWN_SEASON = 0.06


@dataclass
class Window:
    """A context and its future; `given_season` is the season length passed to the forecaster."""

    context: np.ndarray  # float64, NaN where missing; at least one value is finite
    future: np.ndarray  # float64, at most FUTURE steps, NaN where missing
    season_length: int
    given_season: int  # season_length, or 0 for unknown


def draw_length(random: np.random.Generator, season_length: int) -> int:
    """Draw the length of a context, in steps."""
    low, high = CONTEXTS.get(season_length, OTHER_CONTEXTS)
    if random.random() < SHORT_CONTEXT:
        low, high = 1, low
    return int(round(np.exp(random.uniform(np.log(low), np.log(high + 1)))))


def cut(random: np.random.Generator, values: np.ndarray, season_length: int) -> Window | None:
    """Cut a window at a random position; return None if a side would have no finite value."""
    if len(values) < 3:
        return None
    length = draw_length(random, season_length)
    least_future = min(6 if season_length <= 4 else 12, max(1, len(values) // 4))
    last = len(values) - least_future
    first = min(length, max(2, last // 2))
    end = int(random.integers(first, last + 1)) if last > first else last
    context = values[max(0, end - length) : end]
    usual = FUTURE if random.random() < FULL_FUTURE else USUAL_FUTURE.get(season_length, FUTURE)
    future = values[end : end + usual]
    if not np.isfinite(context).any() or not np.isfinite(future).any():
        return None
    given_season = 0 if random.random() < UNKNOWN_SEASON else season_length
    return Window(context, future, season_length, given_season)
