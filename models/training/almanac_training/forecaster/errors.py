"""How far every expert would have been off, at several lead times, in the recent past.

In the logarithmic channel an error is a share, and counts times the value that it is a
share of, so that all experts are compared in the units of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor, concatenate
from .lines import ALPHAS, EXPERTS, ORIGINS, ROWS, WINDOW, Lines, damped_steps, place

# By lead time, the origins (steps before the last one) that are tried.
TRIALS = {
    1: (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32),
    2: (2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 20, 24, 32, 40),
    4: (4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40),
    8: (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48),
    24: (24, 28, 32, 36, 40, 44, 48),
}
LEADS = tuple(TRIALS)
PAIRS = [(lead, origin) for lead, origins in TRIALS.items() for origin in origins]

# Where in the window the values stand that were to be forecast.
TARGETS = [WINDOW - 1 - origin + lead for lead, origin in PAIRS]

# An origin with c values before it counts c / (c + WARM_UP).
WARM_UP = 2.0

# Trials' worth of belief that an error is as large as the usual step of the series, which is
# a share of the mean absolute value where no two neighbours were seen.
DOUBT = 0.2
LONELY_STEP = 0.1

# Least noise, as a share of the mean absolute value: below it lies float32 rounding.
SMALLEST_NOISE = 2e-6

TINY = 1e-6


@dataclass
class Errors:
    mean: Tensor  # [B, R, L, E], mean absolute error by lead time
    noise: Tensor  # [B, 1, 1], the least mean absolute error one step ahead


def measure(lines: Lines, usual_step: Tensor) -> Errors:
    """`lines` has picked the values at `TARGETS`, every second row in the logarithmic channel;
    `usual_step` [B, 1, 1] is the mean absolute difference between neighbours."""
    actual, observed, scaled = lines.picked.split(1, [ROWS, 1, 1])
    origins = [ORIGINS.index(origin) for _, origin in PAIRS]
    leads = np.array([lead for lead, _ in PAIRS])
    moved = np.stack([damped_steps(expert.damping, leads) for expert in EXPERTS], axis=1)
    forecast = lines.level.take(origins, 2) + lines.step.take(origins, 2) * moved
    deviation = (forecast - actual.unsqueeze(3)).abs()

    evidence = lines.weight.take([place(origin, ALPHAS[0]) for _, origin in PAIRS], 2)
    weight = observed * (evidence / (evidence + WARM_UP))
    size = scaled.abs() * weight

    # In units of DOUBT, so that the usual step counts one.
    by_lead = np.equal.outer(np.array(LEADS), leads) / np.float32(DOUBT)
    # Weights go into the averaging matrix: the smaller of the two to multiply.
    averaging = concatenate([weight, size] * 3, axis=1).unsqueeze(2) * by_lead
    total = (weight @ by_lead.T + 1.0).unsqueeze(3)
    mean = (averaging @ deviation + usual_step.unsqueeze(3)) / total
    return Errors(mean, mean.take(0, 2).min(1, 2).maximum(SMALLEST_NOISE))


def usual_step(moves: Tensor) -> Tensor:
    """Mean [B, 1, 1] of sizes; `moves` [B, 2, n] are sizes, and one where there is one."""
    sums = moves.sum(2) + np.array([[LONELY_STEP * TINY], [TINY]])
    total, count = sums.split(1, [1, 1])
    return total / count
