"""Accuracy of forecasts, one series at a time.

Definitions follow Hyndman and Koehler (2006) for the mean absolute scaled error
and the M4 competition for the symmetric percentage error.
"""

from __future__ import annotations

import numpy as np


def seasonal_naive_scale(history: np.ndarray, season_length: int) -> float:
    """Mean absolute error of the seasonal naive forecast inside the history; NaN if too short."""
    if len(history) <= season_length:
        return float("nan")
    errors = history[season_length:] - history[:-season_length]
    return float(np.nanmean(np.abs(errors)))


def mean_absolute_scaled_error(actual: np.ndarray, point: np.ndarray, scale: float) -> float:
    """NaN where the scale is zero or unknown: such a series is left out of the mean."""
    if not scale > 0.0:
        return float("nan")
    return float(np.mean(np.abs(actual - point)) / scale)


def symmetric_percentage_error(actual: np.ndarray, point: np.ndarray) -> float:
    """In percent, between 0 and 200; a step where both are zero counts as no error."""
    size = np.abs(actual) + np.abs(point)
    error = np.divide(200.0 * np.abs(actual - point), size, out=np.zeros_like(size), where=size > 0)
    return float(np.mean(error))


def quantile_loss(actual: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Pinball loss summed over time, one number per level; `quantiles` is [level, time]."""
    difference = actual[None, :] - quantiles
    levels = np.asarray(levels)[:, None]
    return np.maximum(levels * difference, (levels - 1.0) * difference).sum(axis=1)


def weighted_quantile_loss(losses: np.ndarray, absolute_sum: float) -> float:
    """Twice the pinball loss over the sum of absolute values, averaged over the levels.

    `losses` holds one row per series as `quantile_loss` gives it.
    """
    return float(2.0 * losses.sum(axis=0).mean() / absolute_sum)


def coverage(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Share of steps inside the closed interval."""
    return float(np.mean((lower <= actual) & (actual <= upper)))


def geometric_mean(values: np.ndarray) -> float:
    return float(np.exp(np.mean(np.log(values))))
