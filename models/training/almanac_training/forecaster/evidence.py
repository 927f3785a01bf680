"""The inputs of the gate and of the mixture, computed without trained parameters.

`gather` returns the features of the gate and the inputs of the mixture.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..seasonal import history
from ..tensor import FLOAT, INT, Tensor, concatenate, where
from . import errors, features, lines, seasons

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)

CHANNELS = 2

# Number of last values whose empirical distribution is one of the forecasts.
RECENT = 64

FAR = history.FAR


@dataclass
class Evidence:
    """Features and mixture inputs; B is the batch, K the forecast steps, E experts, Q levels."""

    features: Tensor  # [B, F]
    level: Tensor  # [B, lines.ROWS, E]
    step: Tensor  # [B, lines.ROWS, E]
    fast: Tensor  # [B, CHANNELS, K], first season, dominated by its last cycle
    season: Tensor  # [B, 2 * CHANNELS, K], first season and alternative
    naive: Tensor  # [B, 3, K], raw values one season, two seasons, one second season before
    spread: Tensor  # [B, 1, K], log of the phase's spread relative to the mean
    recent: Tensor  # [B, Q, 1], quantiles of the last values, raw
    centre: Tensor  # [B, CHANNELS, 1]
    lowest: Tensor  # [B, CHANNELS, 1]
    highest: Tensor  # [B, CHANNELS, 1]
    noise: Tensor  # [B, 1, 1]
    present: Tensor  # [B, 1, 1], current level of the raw channel
    positive: Tensor  # [B, 1, 1], one if the logarithmic channel may be used


NAMES = tuple(field.name for field in fields(Evidence))


def read(context: Tensor) -> history.History:
    """Read a context, padded to at least the window that lines are fitted to."""
    return history.read(context, padding=lines.WINDOW)


def gather(past: history.History, season_length: Tensor, steps: Tensor) -> Evidence:
    """Compute the evidence; `steps` [B, 1, K] are counted from the last observed value."""
    window, shown = lines.WINDOW, features.SHOWN_INDICES
    # In steps before the last value: the window, and the next steps, which are gate features.
    fixed = np.concatenate([np.arange(window)[::-1], -1 - np.arange(shown)])
    cycle = seasons.estimate(past, season_length, fixed, -steps)
    adjustments = concatenate([cycle.index, cycle.other], axis=1)

    scaled = past.scaled.slice(2, -window)
    variants, observed = past.channels.slice(2, -window).split(1, [CHANNELS, 1])
    adjusted = concatenate([variants, variants], axis=1) - adjustments.slice(2, 0, window)
    rows = concatenate([variants, adjusted * observed, observed, scaled], axis=1)
    fitted = lines.fit(rows, observed, errors.TARGETS)
    moves = features.moves(past)
    usual = errors.usual_step(moves.paired.slice(2, 1 - window))
    past_errors = errors.measure(fitted, usual)

    last = fitted.mean.slice(2, features.PRESENT, features.PRESENT + 1)
    present = last.slice(1, 0, 1)
    parts = {
        "level": fitted.level.take(0, 2),
        "step": fitted.step.take(0, 2),
        "fast": cycle.fast,
        "season": adjustments.slice(2, window + shown),
        "naive": _naive(past, cycle, present),
        "spread": cycle.spread,
        "recent": _recent(past),
        "centre": past.centre,
        "lowest": where(past.missing, FAR, past.variants).min(2),
        "highest": where(past.missing, -FAR, past.variants).max(2),
        "noise": past_errors.noise,
        "present": present + past.centre.slice(1, 0, 1),
        "positive": past.positive,
    }
    ahead = adjustments.slices({1: (0, 2 * CHANNELS, CHANNELS), 2: (window, window + shown)})
    view = features.View(
        past,
        cycle,
        fitted,
        past_errors,
        moves,
        rows,
        observed,
        last,
        parts["present"],
        ahead,
        usual,
    )
    return Evidence(features=features.describe(view, season_length), **parts)


def _naive(past: history.History, cycle: seasons.Seasons, present: Tensor) -> Tensor:
    """Return values of earlier seasons; unknown ones fall back to the next, finally the level."""
    values = past.channels.take_along(past.places(cycle.sources).repeat(1, CHANNELS + 1, 1), 2)
    raw, _, seen = values.split(1, [1] * (CHANNELS + 1))
    once, twice, second = raw.parts(2, 3)
    knows_once, knows_twice, knows_second = (seen > 0.0).parts(2, 3)
    once = where(knows_once, once, present)
    both = where(knows_twice, 0.5 * (once + twice), once)
    return concatenate([once, both, where(knows_second, second, both)], axis=1)


def _recent(past: history.History) -> Tensor:
    """Return quantiles of the last RECENT values."""
    seen = past.observed.slice(2, -RECENT)
    values = past.far.slice(2, -RECENT)
    ordered = values.reshape(0, -1, 1).sort(1, RECENT)
    count = seen.sum(1, 2, keepdims=False).cast(INT)
    return past.length.graph.constant(_shares(), FLOAT).take(count, 0) @ ordered


def _shares() -> np.ndarray:
    """Return the weight of every ordered value in every quantile, by the number of values.

    The shape is [RECENT + 1, Q, RECENT]. A quantile interpolates between the two nearest ranks.
    """
    count = np.arange(RECENT + 1)[:, None]
    final = np.maximum(count - 1, 0)
    rank = np.clip(count * np.array(LEVELS) - 0.5, 0.0, final)
    shares = np.maximum(1.0 - np.abs(rank[..., None] - np.arange(RECENT)), 0.0)
    return np.where(count[..., None] > 0, shares, 0.0)
