"""Everything that is computed from a series without trained numbers.

`gather` gives the gate its features, and the mixture what it mixes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..seasonal import history
from ..tensor import FLOAT, INT, Tensor, concatenate, where
from . import errors, features, lines, seasons

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)

CHANNELS = 2

# Last values whose distribution is offered as a forecast by itself.
RECENT = 64

FAR = 1e9


@dataclass
class Evidence:
    features: Tensor  # [B, F]
    level: Tensor  # [B, lines.ROWS, E]
    step: Tensor  # [B, lines.ROWS, E]
    season: Tensor  # [B, CHANNELS, K], of the first season
    fast: Tensor  # [B, CHANNELS, K], what the last cycle alone would have instead
    other: Tensor  # [B, CHANNELS, K], of the alternative
    naive: Tensor  # [B, 3, K], raw values one season, two seasons, one second season ago
    spread: Tensor  # [B, 1, K], log of the phase's spread against the mean
    recent: Tensor  # [B, Q], quantiles of the last values, raw
    centre: Tensor  # [B, CHANNELS, 1]
    lowest: Tensor  # [B, CHANNELS, 1]
    highest: Tensor  # [B, CHANNELS, 1]
    noise: Tensor  # [B, 1, 1]
    present: Tensor  # [B, 1, 1], level of the raw channel now
    positive: Tensor  # [B, 1, 1], one where the logarithmic channel may be used


# The fields with two axes; the others have three.
FLAT = ("features", "recent")
NAMES = tuple(field.name for field in fields(Evidence))


def gather(past: history.History, season_length: Tensor, steps: Tensor) -> Evidence:
    """`steps` [B or 1, 1, K] are counted from the last observed value."""
    window = lines.WINDOW

    def tail(values: Tensor) -> Tensor:
        return values.pad([0, 0, window], [0, 0, 0]).slice(2, -window)

    # Places, in steps before the last value: the window, the steps just ahead that are shown
    # to the gate, and the forecast's own. Those before a short history are masked.
    nothing = 0 * past.span
    steps = steps + nothing
    shown = features.SHOWN_INDICES
    fixed = np.concatenate([np.arange(window)[::-1], -1 - np.arange(shown)])
    back = -steps
    places = concatenate([nothing + fixed[None, None, :], back], axis=2)
    cycle = seasons.estimate(past, season_length, back, steps, places)

    observed, scaled, variants = tail(past.observed), tail(past.scaled), tail(past.variants)
    adjustments = [cycle.index, cycle.other]
    adjusted = [variants - index.slice(2, 0, window) for index in adjustments]
    rows = concatenate([variants, *adjusted], axis=1) * observed
    fitted = lines.fit(rows, observed)
    missed = errors.measure(fitted, rows, observed, scaled)

    now = fitted.mean.take(0, 2)
    present = now.slice(1, 0, 1).slice(2, features.PRESENT, features.PRESENT + 1)
    index, other = (table.slice(2, window + shown) for table in adjustments)
    seen = past.observed > 0.0
    parts = {
        "level": fitted.level.take(0, 2),
        "step": fitted.step.take(0, 2),
        "season": index,
        "fast": cycle.fast - index,
        "other": other,
        "naive": _naive(cycle, present),
        "spread": cycle.spread,
        "recent": _recent(past),
        "centre": past.centre,
        "lowest": where(seen, past.variants, FAR).min(2),
        "highest": where(seen, past.variants, -FAR).max(2),
        "noise": missed.noise,
        "present": present + past.centre.slice(1, 0, 1),
        "positive": past.positive,
    }
    ahead = [table.slice(1, 0, 1).slice(2, window, window + shown) for table in adjustments]
    view = features.View(past, cycle, fitted, missed, rows, observed, now, parts["present"], ahead)
    return Evidence(features=features.describe(view, season_length), **parts)


def _naive(cycle: seasons.Seasons, present: Tensor) -> Tensor:
    """Values of earlier seasons [B, 3, K]; what is unknown is the next best, at last the level."""
    once, twice, second = cycle.naive.split(1, [1, 1, 1])
    knows_once, knows_twice, knows_second = (cycle.known > 0.0).split(1, [1, 1, 1])
    once = where(knows_once, once, present)
    both = where(knows_twice, 0.5 * (once + twice), once)
    return concatenate([once, both, where(knows_second, second, both)], axis=1)


def _recent(past: history.History) -> Tensor:
    """Quantiles of the last RECENT values, [B, Q]."""
    padded = [
        values.pad([0, 0, RECENT], [0, 0, 0]).slice(2, -RECENT).reshape(0, -1)
        for values in (past.scaled, past.observed)
    ]
    values, seen = padded
    ordered = where(seen > 0.0, values, FAR).sort(1)
    count = seen.sum(1)
    final = (count - 1.0).maximum(0.0)
    rank = (count * np.array(LEVELS)[None, :] - 0.5).clip(0.0, final)
    below = rank.cast(INT)
    above = (below + 1).minimum(final.cast(INT))
    low, high = ordered.take_along(below, 1), ordered.take_along(above, 1)
    quantile = low + (high - low) * (rank - below.cast(FLOAT))
    return where(quantile < 0.5 * FAR, quantile, 0.0)
