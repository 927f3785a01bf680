"""Levels and slopes at every step of the past, by convolution with fixed kernels.

A discounted mean is the convolution of the series with w^k, over the convolution
of its mask with the same kernel. Missing values and the start of the series need
no special treatment: they have no weight. A discounted least squares line (Brown,
Smoothing, Forecasting and Prediction of Discrete Time Series, 1963) needs two more
moments of the same kind. Both are what exponential smoothing computes step by
step, without the recursion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor, concatenate

# Smoothing constants of the discounted means. The last one is the last observed
# value: less than one, so that it is still defined where that value is missing.
LEVEL_ALPHAS = (0.05, 0.2, 0.6, 0.999)

# Smoothing constants of the least squares lines that slopes are taken from.
SLOPE_ALPHAS = (0.02, 0.5, 0.8)

# Steps that a kernel reaches back. The slow ones are cut off while they still have some
# weight: what is older says little about the present level and slope.
SLOW_TAPS = 128
FAST_TAPS = 32
FAST_ALPHA = 0.1

# Added to the weighted variance of time under a slope: two points prove no trend.
SLOPE_RIDGE = 0.25

TINY = 1e-6


@dataclass
class Smoothed:
    mean: Tensor  # [B, V, level alphas, N]
    age: Tensor  # [B, 1, level alphas, N], mean age in steps of the values in the mean
    slope: Tensor  # [B, V, slope alphas, N], per step


def smooth(adjusted: Tensor, observed: Tensor) -> Smoothed:
    """`adjusted` is [B, V, N] and zero where `observed`, [B, 1, N], is."""
    kernels = [(alpha, power) for alpha in LEVEL_ALPHAS for power in (0, 1)]
    kernels += [(alpha, power) for alpha in SLOPE_ALPHAS for power in (0, 1, 2)]
    slow = [kernel for kernel in kernels if kernel[0] < FAST_ALPHA]
    fast = [kernel for kernel in kernels if kernel[0] >= FAST_ALPHA]

    steps = observed.size(2)
    rows = concatenate([adjusted, observed], axis=1).reshape(-1, 1, steps)
    sums = [
        rows.correlate(_lag_weights(own, taps))
        for own, taps in ((slow, SLOW_TAPS), (fast, FAST_TAPS))
    ]
    sums = concatenate(sums, axis=1).reshape(-1, 3, len(kernels), steps)
    values, weights = sums.slice(1, 0, 2), sums.slice(1, 2, 3)
    order = slow + fast

    def moment(of: Tensor, alphas: tuple[float, ...], power: int) -> Tensor:
        return of.take([order.index((alpha, power)) for alpha in alphas], 2)

    weight = moment(weights, LEVEL_ALPHAS, 0).maximum(TINY)
    mean = moment(values, LEVEL_ALPHAS, 0) / weight
    age = moment(weights, LEVEL_ALPHAS, 1) / weight

    weighted_lag = moment(weights, SLOPE_ALPHAS, 1)
    mean_lag = weighted_lag / moment(weights, SLOPE_ALPHAS, 0).maximum(TINY)
    # Lag counts backwards, hence the sign of the covariance.
    covariance = mean_lag * moment(values, SLOPE_ALPHAS, 0) - moment(values, SLOPE_ALPHAS, 1)
    variance = moment(weights, SLOPE_ALPHAS, 2) - weighted_lag * mean_lag
    return Smoothed(mean, age, covariance / (variance + SLOPE_RIDGE))


def _lag_weights(kernels: list[tuple[float, int]], taps: int) -> np.ndarray:
    """lag^power (1 - alpha)^lag, one row per kernel, lag zero in the last column."""
    lag = np.arange(taps)[::-1]
    return np.array([lag**power * (1.0 - alpha) ** lag for alpha, power in kernels])
