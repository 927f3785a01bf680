"""Discounted levels and slopes at the last step and at earlier origins, and the experts.

The sums behind a discounted mean (exponential smoothing, normalised so that the start of
the series needs no special treatment) and a discounted least squares line (Brown,
Smoothing, Forecasting and Prediction of Discrete Time Series, 1963) are inner products
with constant vectors. One matrix product makes them for all origins at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor

ALPHAS = (0.01, 0.03, 0.08, 0.2, 0.4, 0.7, 0.999)
MOMENTS = 3

# Adjustments (none, the first season, the alternative) of two channels (raw, logarithm).
ROWS = 6

# Steps before the last one that forecasts are tried from; 0 is the forecast asked for.
ORIGINS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48)
TAPS = 128
WINDOW = TAPS + ORIGINS[-1]

# Added to the weighted variance of time under a slope: two points prove no trend.
SLOPE_RIDGE = 0.25

NEGLIGIBLE = 1e-9
TINY = 1e-6


@dataclass(frozen=True)
class Expert:
    """Discounted mean, moved along a share of a slope that is damped with every step.

    No slope is simple exponential smoothing; half a long slope is Theta (Hyndman and
    Billah, 2003); the others are trends, damped as in Gardner and McKenzie (1985).
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
    """damping + damping^2 + ... + damping^steps"""
    if damping == 1.0:
        return steps.astype(np.float64)
    return damping * (1.0 - damping**steps) / (1.0 - damping)


@dataclass
class Lines:
    """`mean` and `slope` are [B, R, O, A] for R rows of every series and O origins."""

    mean: Tensor
    slope: Tensor
    level: Tensor  # [B, R, O, E], of every expert
    step: Tensor  # [B, R, O, E], slope of every expert
    evidence: Tensor  # [B, 1, O, 1], discounted number of values before the origin


def kernels() -> np.ndarray:
    """[WINDOW, moment * origin * alpha]"""
    back = np.arange(WINDOW)[::-1]  # Steps before the last one.
    lag = np.subtract.outer(back, np.array(ORIGINS))[:, None, :, None]
    inside = (lag >= 0) & (lag < TAPS)
    lag = np.where(inside, lag, 0)
    alpha = np.array(ALPHAS)
    power = np.arange(MOMENTS)[:, None, None]
    # Lags in units of the memory keep the moments of one size.
    kernels = inside * (lag * alpha) ** power * (1.0 - alpha) ** lag
    # Subnormal weights would add nothing, and slow the product down tenfold.
    kernels[kernels < NEGLIGIBLE] = 0.0
    return kernels.reshape(WINDOW, -1).astype(np.float32)


def fit(rows: Tensor, observed: Tensor) -> Lines:
    """`rows` [B, R, WINDOW] are zero where `observed` [B, 1, WINDOW] is."""
    matrix = rows.graph.constant(kernels())

    def sums(of: Tensor, count: int) -> Tensor:
        flat = of.reshape(-1, WINDOW) @ matrix
        return flat.reshape(-1, count, MOMENTS, len(ORIGINS) * len(ALPHAS))

    def moment(of: Tensor, power: int) -> Tensor:
        return of.take(power, 2)

    values, weights = sums(rows, ROWS), sums(observed, 1)
    weight = moment(weights, 0)
    mean = moment(values, 0) / weight.maximum(TINY)
    age = moment(weights, 1) / weight.maximum(TINY)
    # Lag counts backwards, hence the sign of the covariance.
    covariance = age * moment(values, 0) - moment(values, 1)
    alphas = np.tile(ALPHAS, len(ORIGINS))
    variance = moment(weights, 2) - age * moment(weights, 1) + SLOPE_RIDGE * alphas**2
    slope = covariance * (alphas / variance)

    def by_origin(of: Tensor, count: int) -> Tensor:
        return of.reshape(-1, count, len(ORIGINS), len(ALPHAS))

    mean, slope = by_origin(mean, ROWS), by_origin(slope, ROWS)
    # Products with zeros and ones are faster than gathering along the last axis.
    level_choice = _choice([expert.level_alpha for expert in EXPERTS])
    slope_choice = _choice([expert.slope_alpha for expert in EXPERTS])
    step = slope @ (slope_choice * [expert.share for expert in EXPERTS])
    level_age = by_origin(age * (1.0 / alphas), 1) @ level_choice
    level = mean @ level_choice + step * level_age
    return Lines(mean, slope, level, step, by_origin(weight, 1).slice(3, 0, 1))


def _choice(chosen: list[float]) -> np.ndarray:
    return np.equal.outer(ALPHAS, chosen).astype(np.float32)
