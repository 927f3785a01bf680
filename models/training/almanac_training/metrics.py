"""Accuracy measures of forecasts, for one series at a time.

The mean absolute scaled error is defined as by Hyndman and Koehler (2006), the symmetric
percentage error as in the M4 competition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def seasonal_naive_scale(history: np.ndarray, season_length: int) -> float:
    """Return the in-sample mean absolute error of seasonal naive; NaN if too short."""
    if len(history) <= season_length:
        return float("nan")
    errors = history[season_length:] - history[:-season_length]
    return float(np.nanmean(np.abs(errors)))


def mean_absolute_scaled_error(actual: np.ndarray, point: np.ndarray, scale: float) -> float:
    """Return the MASE; NaN if the scale is zero or unknown, which excludes a series from means."""
    if not scale > 0.0:
        return float("nan")
    return float(np.mean(np.abs(actual - point)) / scale)


def symmetric_percentage_error(actual: np.ndarray, point: np.ndarray) -> float:
    """Return the sMAPE in percent, 0 to 200; a step at which both are zero has no error."""
    size = np.abs(actual) + np.abs(point)
    error = np.divide(200.0 * np.abs(actual - point), size, out=np.zeros_like(size), where=size > 0)
    return float(np.mean(error))


def quantile_loss(
    actual: np.ndarray, quantiles: np.ndarray, levels: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Return the pinball loss per level, summed over time; `quantiles` is [level, time]."""
    difference = actual[None, :] - quantiles
    level = np.asarray(levels)[:, None]
    return np.maximum(level * difference, (level - 1.0) * difference).sum(axis=1)


def weighted_quantile_loss(losses: np.ndarray, absolute_sum: float) -> float:
    """Return twice the pinball loss over the sum of absolute values, averaged over the levels.

    `losses` holds one row per series, as `quantile_loss` returns it.
    """
    return float(2.0 * losses.sum(axis=0).mean() / absolute_sum)


def coverage(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return the share of steps inside the closed interval."""
    return float(np.mean((lower <= actual) & (actual <= upper)))


def geometric_mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))
