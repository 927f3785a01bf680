"""Levels and slopes at every step of the past, by convolution with fixed kernels.

A discounted mean is the convolution of the series with w^k, divided by the convolution of its mask
with the same kernel. Missing values and the start of the series have no weight, and need no special
treatment. A discounted least squares line (Brown, Smoothing, Forecasting and Prediction of Discrete
Time Series, 1963) needs two more moments of the same kind. Exponential smoothing computes the same
step by step; this needs no recursion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor, concatenate

# Smoothing constants of the discounted means. The last approximates the last observed value; it
# is below one so that it is still defined if that value is missing.
LEVEL_ALPHAS = (0.05, 0.2, 0.6, 0.999)

# Smoothing constants of the least squares lines behind the slopes.
SLOPE_ALPHAS = (0.02, 0.5, 0.8)

# Lengths of the kernels. Slow kernels are truncated while they still have some weight: older values
# say little about the current level and slope.
SLOW_TAPS = 128
FAST_TAPS = 32
FAST_ALPHA = 0.1

# Added to the weighted variance of time in the slope: two points are no evidence of a trend.
SLOPE_RIDGE = 0.25

TINY = 1e-6


@dataclass
class Smoothed:
    """Discounted means and slopes at every step."""

    mean: Tensor  # [B, V, level alphas, N]
    age: Tensor  # [B, 1, level alphas, N], mean age of the values in the mean, in steps
    slope: Tensor  # [B, V, slope alphas, N], per step


def smooth(adjusted: Tensor, observed: Tensor) -> Smoothed:
    """Smooth `adjusted` [B, V, N], which is zero where the mask `observed` [B, 1, N] is zero."""
    kernels = [(alpha, power) for alpha in LEVEL_ALPHAS for power in (0, 1)]
    kernels += [(alpha, power) for alpha in SLOPE_ALPHAS for power in (0, 1, 2)]
    slow = [kernel for kernel in kernels if kernel[0] < FAST_ALPHA]
    fast = [kernel for kernel in kernels if kernel[0] >= FAST_ALPHA]

    steps = observed.size(2)
    rows = concatenate([adjusted, observed], axis=1).reshape(-1, 1, steps)
    parts = [
        rows.correlate(_lag_weights(group, taps))
        for group, taps in ((slow, SLOW_TAPS), (fast, FAST_TAPS))
    ]
    sums = concatenate(parts, axis=1).reshape(-1, 3, len(kernels), steps)
    values, weights = sums.slice(1, 0, 2), sums.slice(1, 2, 3)
    order = slow + fast

    def moment(source: Tensor, alphas: tuple[float, ...], power: int) -> Tensor:
        return source.take([order.index((alpha, power)) for alpha in alphas], 2)

    weight = moment(weights, LEVEL_ALPHAS, 0).maximum(TINY)
    mean = moment(values, LEVEL_ALPHAS, 0) / weight
    age = moment(weights, LEVEL_ALPHAS, 1) / weight

    weighted_lag = moment(weights, SLOPE_ALPHAS, 1)
    mean_lag = weighted_lag / moment(weights, SLOPE_ALPHAS, 0).maximum(TINY)
    # Lags count backwards, hence the sign of the covariance.
    covariance = mean_lag * moment(values, SLOPE_ALPHAS, 0) - moment(values, SLOPE_ALPHAS, 1)
    variance = moment(weights, SLOPE_ALPHAS, 2) - weighted_lag * mean_lag
    return Smoothed(mean, age, covariance / (variance + SLOPE_RIDGE))


def _lag_weights(kernels: list[tuple[float, int]], taps: int) -> np.ndarray:
    """Return lag^power (1 - alpha)^lag with one row per kernel; the last column is lag zero."""
    lag = np.arange(taps)[::-1]
    return np.array([lag**power * (1.0 - alpha) ** lag for alpha, power in kernels])
