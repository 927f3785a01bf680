"""Discounted levels and slopes at the last step and at earlier origins, and the experts.

The sums behind a discounted mean (exponential smoothing, normalized so that the start of the
series needs no special treatment) and a discounted least squares line (Brown, Smoothing,
Forecasting and Prediction of Discrete Time Series, 1963) are inner products with constant vectors.
One matrix product computes them for all origins at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor

ALPHAS = (0.01, 0.03, 0.08, 0.2, 0.4, 0.7, 0.999)
MOMENTS = 3

# Three adjustments (none, the first season, the alternative) of two channels (raw, logarithm).
ROWS = 6

# Origins of past forecasts, in steps before the last one; 0 is the requested forecast.
ORIGINS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48)
TAPS = 128
WINDOW = TAPS + ORIGINS[-1]

# Added to the weighted variance of time in the slope: two points are no evidence of a trend.
SLOPE_RIDGE = 0.25

NEGLIGIBLE = 1e-9
TINY = 1e-6


@dataclass(frozen=True)
class Expert:
    """A discounted mean that moves along a share of a slope, damped with every step.

    Without slope it is simple exponential smoothing; half a long slope is Theta (Hyndman and
    Billah, 2003); the others are damped trends as in Gardner and McKenzie (1985).
    """

    level_alpha: float
    slope_alpha: float = ALPHAS[0]
    share: float = 0.0
    damping: float = 1.0


LAST = ALPHAS[-1]
EXPERTS = (
    *(Expert(alpha) for alpha in ALPHAS),
    Expert(0.08, 0.01, 0.5),
    Expert(0.2, 0.01, 0.5),
    Expert(0.4, 0.01, 0.5),
    Expert(LAST, 0.01, 0.5),
    Expert(LAST, 0.01, 1.0),
    Expert(0.2, 0.01, 1.0),
    Expert(LAST, 0.03, 1.0),
    Expert(0.2, 0.03, 1.0, 0.98),
    Expert(LAST, 0.08, 1.0, 0.98),
    Expert(0.4, 0.08, 1.0, 0.98),
    Expert(0.7, 0.2, 1.0, 0.95),
    Expert(LAST, 0.2, 1.0, 0.9),
    Expert(LAST, 0.4, 1.0, 0.95),
    Expert(0.7, 0.4, 1.0, 0.9),
    Expert(LAST, 0.7, 1.0, 0.85),
)
DAMPINGS = (1.0, 0.98, 0.95, 0.9, 0.85)


def damped_steps(damping: float, steps: np.ndarray) -> np.ndarray:
    """Return damping + damping^2 + ... + damping^steps."""
    if damping == 1.0:
        return steps.astype(np.float64)
    return damping * (1.0 - damping**steps) / (1.0 - damping)


@dataclass
class Lines:
    """Lines of R rows of every series, at O origins.

    Means and slopes [B, R, O * A] are given for every alpha. Slopes are per unit of the memory, of
    which a step is alpha.
    """

    mean: Tensor
    slope: Tensor
    level: Tensor  # [B, R, O, E], of every expert
    step: Tensor  # [B, R, O, E], slope of every expert, per step
    weight: Tensor  # [B, 1, O * A], discounted number of values before the origin
    picked: Tensor  # [B, ROWS + 2, n], values of the window


def place(origin: int, alpha: float) -> int:
    """Return the index of an origin and an alpha on the axis O * A."""
    return ORIGINS.index(origin) * len(ALPHAS) + ALPHAS.index(alpha)


def kernels() -> np.ndarray:
    """Return the kernels of all moments, [WINDOW, moment * origin * alpha]."""
    back = np.arange(WINDOW)[::-1]  # Steps before the last one.
    lag = np.subtract.outer(back, np.array(ORIGINS))[:, None, :, None]
    inside = (lag >= 0) & (lag < TAPS)
    lag = np.where(inside, lag, 0)
    alpha = np.array(ALPHAS)
    power = np.arange(MOMENTS)[:, None, None]
    # Lags in units of the memory keep the moments of similar size.
    kernels = inside * (lag * alpha) ** power * (1.0 - alpha) ** lag
    # Subnormal weights would contribute nothing, and slow the product down tenfold.
    kernels[kernels < NEGLIGIBLE] = 0.0
    return kernels.reshape(WINDOW, -1).astype(np.float32)


def fit(rows: Tensor, observed: Tensor, picked: Sequence[int]) -> Lines:
    """Fit lines to `rows`, the adjusted values with zeros for missing ones.

    `rows` [B, ROWS + 2, WINDOW] ends with the mask `observed` [B, 1, WINDOW] and a row that is
    only read at the positions `picked`.
    """
    parts, width = [ROWS, 1, 1], len(ORIGINS) * len(ALPHAS)
    zero_to_one, two = np.split(kernels(), [2 * width], axis=1)
    # One product with the kernels, and with a unit vector for each picked value.
    matrix = np.concatenate([zero_to_one, np.eye(WINDOW, dtype=np.float32)[:, picked]], axis=1)
    zeroth, first, values = (rows @ matrix).split(2, [width, width, len(picked)])
    zeroth, weight, _ = zeroth.split(1, parts)
    first, weighted_age, _ = first.split(1, parts)
    weighted_square = observed @ two

    known = weight.maximum(TINY)
    mean, age = zeroth / known, weighted_age / known
    # Lags count backwards, hence the sign of the covariance.
    covariance = age * zeroth - first
    alphas = np.tile(ALPHAS, len(ORIGINS))
    variance = weighted_square - age * weighted_age + SLOPE_RIDGE * alphas**2
    slope = covariance / variance

    def by_origin(of: Tensor) -> Tensor:
        return of.reshape(0, 0, len(ORIGINS), len(ALPHAS))

    # Products with zeros and ones are faster than gathering along the last axis.
    alpha = np.array(ALPHAS)[:, None]
    level_choice = _choice([expert.level_alpha for expert in EXPERTS])
    slope_choice = _choice([expert.slope_alpha for expert in EXPERTS])
    shares = np.array([expert.share for expert in EXPERTS])
    step = by_origin(slope) @ (slope_choice * shares * alpha)
    level_age = by_origin(age) @ (level_choice / alpha)
    level = by_origin(mean) @ level_choice + step * level_age
    return Lines(mean, slope, level, step, weight, values)


def _choice(chosen: list[float]) -> np.ndarray:
    """Return the one-hot matrix [A, chosen] that selects alphas."""
    return np.equal.outer(ALPHAS, chosen).astype(np.float32)
