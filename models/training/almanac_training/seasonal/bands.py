"""Quantiles around the blend, from its residuals.

Width and shape are separate. The width at step h is s * h^g, fitted to the size of the residuals
at several lead times; g is shrunk towards one half, the square root law of a random walk, if there
is little data. The shape is the distribution of the scaled residuals, mixed with a logistic one
while they are few.

Constants without a source were set by hand, by coverage and quantile loss on other public series
as well as on the datasets of `almanac_training.competitions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import FLOAT, INT, Tensor, arange, where
from .blend import LEADS

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
MEDIAN = LEVELS.index(0.5)

# Prior growth of the width with the logarithm of the step, and the weight of the prior.
USUAL_GROWTH = 0.5
GROWTH_EVIDENCE = 1.0

# A lead time with c residuals has weight c / (c + SIZE_EVIDENCE) in the fit of the width.
SIZE_EVIDENCE = 5.0

# Lower bound of the size at a lead time, as a share of the largest.
MIN_SIZE = 0.01

# Weight of a residual relative to one a step later.
RECENCY = 0.99

# Residuals of a fitted blend are smaller than future errors; the difference grows with fewer
# residuals and with fewer seasons behind the seasonal indices.
INFLATION = 1.05
SHORTNESS_INFLATION = 6.0
SEASON_INFLATION = 0.4

# Where the logarithmic variant fits, errors grow with this power of the level; a level below
# MIN_LEVEL of the mean absolute value does not reduce them further.
LEVEL_POWER = 0.5
MIN_LEVEL = 0.5

# Width after a single observation, in units of the mean absolute value; the inflation for
# shortness multiplies it by seven.
SINGLE_VALUE_WIDTH = 0.12

# Number of residuals whose weight in the shape equals that of the logistic distribution, and the
# number of lead times, shortest first, that residuals are taken from.
SHAPE_EVIDENCE = 20.0
SHAPE_LEADS = 2

# Share of the residuals' median by which the forecast is shifted.
MEDIAN_SHIFT = 0.65

# Below this share of the mean absolute value, a width is float32 rounding and becomes zero.
MIN_WIDTH = 2e-6

TINY = 1e-6
FAR = 1e9


@dataclass
class Residuals:
    """Residuals of the blend, by lead time."""

    value: Tensor  # [B, L, N], actual minus blend
    fitted: Tensor  # [B, L, N], the blend
    weight: Tensor  # [B, L, N], zero where there is no residual


def quantiles(
    residuals: Residuals, point: Tensor, steps: Tensor, growing: Tensor, season_noise: Tensor
) -> Tensor:
    """Return quantiles [B, Q, H] around `point` [B, 1, H].

    `steps` [B, 1, H] are counted from the last observation, and `growing` [B, 1, 1] is the weight
    of the logarithmic variant in the blend.
    """
    window = residuals.weight.size(2)
    age = (window - 1 - arange(window)).cast(FLOAT)
    weight = residuals.weight * (age * np.log(RECENCY)).exp()
    value = residuals.value / _level_unit(residuals.fitted, growing)
    size = _size(value, weight)
    width = _width(size, weight, steps) * (1.0 + SEASON_INFLATION * season_noise)
    width = where(width > MIN_WIDTH, width, 0.0)
    return point + width * _level_unit(point, growing) * _shape(value / size, weight).unsqueeze(2)


def _level_unit(level: Tensor, growing: Tensor) -> Tensor:
    """Return the factor by which errors grow with the level."""
    return (LEVEL_POWER * growing * level.maximum(MIN_LEVEL).log()).exp()


def _size(value: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of root mean square and scaled mean absolute residual, [B, L, 1]."""
    total = weight.sum(2).maximum(TINY)
    square = ((value * value * weight).sum(2) / total).sqrt()
    absolute = (value.abs() * weight).sum(2) / total
    # The mean absolute value of a normal variable is 0.8 standard deviations.
    size = 0.5 * square + (0.5 / 0.8) * absolute
    # Otherwise rounding would determine the growth if a lead time has no errors.
    return size + MIN_SIZE * size.max(1) + TINY


def _width(size: Tensor, weight: Tensor, steps: Tensor) -> Tensor:
    """Return s * h^g for every step, [B, 1, H], by least squares in logarithms."""
    count = weight.sum(2)
    trust = count / (count + SIZE_EVIDENCE)
    log_lead = np.log(LEADS)[:, None]
    log_size = size.log()
    ratio = log_size - log_size.slice(1, 0, 1)
    growth = (trust * log_lead * ratio).sum(1) + GROWTH_EVIDENCE * USUAL_GROWTH
    growth = growth / ((trust * log_lead * log_lead).sum(1) + GROWTH_EVIDENCE)
    growth = growth.clip(0.0, 1.0)

    first = (trust * (log_size - growth * log_lead)).sum(1) / trust.sum(1).maximum(TINY)
    pairs = count.slice(1, 0, 1)
    first = where(pairs > 0.0, first.exp(), SINGLE_VALUE_WIDTH)
    inflation = INFLATION * (1.0 + SHORTNESS_INFLATION / (pairs + 1.0))
    return first * inflation * (growth * steps.cast(FLOAT).log()).exp()


def _shape(standardised: Tensor, weight: Tensor) -> Tensor:
    """Return quantiles of the standardized residuals, mixed with logistic ones, [B, Q]."""
    levels = np.array(LEVELS)[None, :]
    seen = (weight.slice(1, 0, SHAPE_LEADS) > 0.0).cast(FLOAT).reshape(0, -1)
    values = standardised.slice(1, 0, SHAPE_LEADS).reshape(0, -1)
    ordered = where(seen > 0.0, values, FAR).sort(1)
    count = seen.sum(1)
    final = (count - 1.0).maximum(0.0)
    rank = (count * levels - 0.5).clip(0.0, final)
    below = rank.cast(INT)
    above = (below + 1).minimum(final.cast(INT))
    low, high = ordered.take_along(below, 1), ordered.take_along(above, 1)
    empirical = low + (high - low) * (rank - below.cast(FLOAT))

    # Unit standard deviation; its tails lie between those of a normal and of real errors.
    logistic = np.log(levels / (1.0 - levels)) * np.sqrt(3.0) / np.pi
    share = count / (count + SHAPE_EVIDENCE)
    shape = where(count > 0.0, share * empirical, 0.0) + (1.0 - share) * logistic
    return shape - (1.0 - MEDIAN_SHIFT) * shape.slice(1, MEDIAN, MEDIAN + 1)
