"""Metrics against manually computed values."""

import math

import numpy as np
import pytest

from almanac_training import metrics


def test_the_scale_is_the_mean_change_over_a_season():
    history = np.array([1.0, 2.0, 4.0, 6.0])
    assert metrics.seasonal_naive_scale(history, 1) == pytest.approx((1 + 2 + 2) / 3)
    assert metrics.seasonal_naive_scale(history, 2) == pytest.approx((3 + 4) / 2)
    assert math.isnan(metrics.seasonal_naive_scale(history, 4))


def test_scaled_error():
    actual, point = np.array([3.0, 5.0]), np.array([1.0, 6.0])
    assert metrics.mean_absolute_scaled_error(actual, point, 0.5) == pytest.approx(3.0)
    assert math.isnan(metrics.mean_absolute_scaled_error(actual, point, 0.0))
    assert math.isnan(metrics.mean_absolute_scaled_error(actual, point, float("nan")))


def test_symmetric_percentage_error():
    actual, point = np.array([2.0, 0.0, 1.0]), np.array([6.0, 0.0, 0.0])
    assert metrics.symmetric_percentage_error(actual, point) == pytest.approx((100 + 0 + 200) / 3)


def test_quantile_loss():
    actual = np.array([10.0, 4.0])
    quantiles = np.array([[6.0, 6.0], [9.0, 9.0]])
    # At 0.2: 0.2 * 4 above and 0.8 * 2 below; at 0.9: 0.9 * 1 above and 0.1 * 5 below.
    losses = metrics.quantile_loss(actual, quantiles, np.array([0.2, 0.9]))
    assert losses == pytest.approx([0.8 + 1.6, 0.9 + 0.5])


def test_weighted_quantile_loss():
    losses = np.array([[1.0, 3.0], [2.0, 2.0]])
    assert metrics.weighted_quantile_loss(losses, 16.0) == pytest.approx(2 * (3 + 5) / 2 / 16)


def test_at_the_median_weighted_quantile_loss_is_the_absolute_error():
    actual, point = np.array([10.0, 4.0]), np.array([6.0, 6.0])
    loss = metrics.quantile_loss(actual, point[None, :], np.array([0.5]))
    assert metrics.weighted_quantile_loss(loss[None, :], 14.0) == pytest.approx(6 / 14)


def test_coverage_counts_the_ends():
    actual = np.array([1.0, 2.0, 3.0, 4.0])
    assert metrics.coverage(actual, np.full(4, 2.0), np.full(4, 3.0)) == 0.5


def test_geometric_mean():
    assert metrics.geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)
