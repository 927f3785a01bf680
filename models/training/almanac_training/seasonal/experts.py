"""The simple forecasters that are blended.

An expert is a discounted mean that moves forward along a slope: with mean a, mean age g of its
values and slope b, its forecast h steps ahead is

    a + share * b * (g + phi + phi^2 + ... + phi^h).

Without slope this is simple exponential smoothing. Half the slope of the whole history gives Theta
(Hyndman and Billah, 2003). A full slope from the same discount gives Brown's double exponential
smoothing, with damping as in Gardner and McKenzie (1985). Seasonal naive, the value one season
before, is blended in addition to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import FLOAT, Tensor, concatenate
from .history import History
from .smoothing import LEVEL_ALPHAS, SLOPE_ALPHAS, Smoothed


@dataclass(frozen=True)
class Expert:
    """The parameters of one forecaster."""

    level_alpha: float
    slope_alpha: float = SLOPE_ALPHAS[0]
    slope_share: float = 0.0
    damping: float = 0.9


NAIVE = Expert(0.999)

EXPERTS = (
    Expert(0.05),
    Expert(0.2),
    Expert(0.6),
    NAIVE,
    Expert(0.999, 0.02, slope_share=0.5, damping=0.99),
    Expert(0.999, 0.02, slope_share=1.0, damping=0.99),
    Expert(0.999, 0.5, slope_share=1.0, damping=0.95),
    Expert(0.6, 0.8, slope_share=1.0, damping=0.85),
)


@dataclass
class Lines:
    """Level and slope of every expert at every step of the past."""

    level: Tensor  # [B, V, E, N]
    slope: Tensor  # [B, V, E, N]


def lines(smoothed: Smoothed) -> Lines:
    """Return the lines of all experts."""
    means = [LEVEL_ALPHAS.index(expert.level_alpha) for expert in EXPERTS]
    slopes = [SLOPE_ALPHAS.index(expert.slope_alpha) for expert in EXPERTS]
    shares = np.array([expert.slope_share for expert in EXPERTS])[:, None]
    slope = smoothed.slope.take(slopes, 2) * shares
    level = smoothed.mean.take(means, 2) + slope * smoothed.age.take(means, 2)
    return Lines(level, slope)


def _damping() -> np.ndarray:
    return np.array([expert.damping for expert in EXPERTS])[:, None]


def damped_steps(leads: np.ndarray) -> np.ndarray:
    """Return phi + ... + phi^h for every expert and lead time, [L, E, 1]."""
    damping = _damping()
    return damping * (1.0 - damping ** leads[:, None, None]) / (1.0 - damping)


def extrapolate(now: Lines, steps: Tensor) -> Tensor:
    """Return forecasts [B, V, E, H] from the lines `now`, for `steps` [B, 1, H] ahead."""
    damping = _damping()
    steps = steps.cast(FLOAT).unsqueeze(2)
    moved = (1.0 - (steps * np.log(damping)).exp()) * (damping / (1.0 - damping))
    return now.level + now.slope * moved


def value_at(history: History, position: Tensor) -> tuple[Tensor, Tensor]:
    """Return values [B, V, n] at positions [B, 1, n] of the context, and their observation mask."""
    exists = (position >= 0).cast(FLOAT)
    position = position.clip(0, history.length - 1)
    value = history.variants.take_along(concatenate([position, position], axis=1), 2)
    return value, history.observed.take_along(position, 2) * exists
