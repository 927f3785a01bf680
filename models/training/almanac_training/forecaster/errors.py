"""Past errors of every expert at several lead times, over recent origins.

In the logarithmic channel an error is relative, and is weighted by the value that it relates to,
so that all experts are compared in the units of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor, concatenate
from .lines import ALPHAS, EXPERTS, ORIGINS, ROWS, WINDOW, Lines, damped_steps, place

# By lead time, the origins to forecast from, in steps before the last one.
TRIALS = {
    1: (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32),
    2: (2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 20, 24, 32, 40),
    4: (4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40),
    8: (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48),
    24: (24, 28, 32, 36, 40, 44, 48),
}
LEADS = tuple(TRIALS)
PAIRS = [(lead, origin) for lead, origins in TRIALS.items() for origin in origins]

# Position of each target value in the window.
TARGETS = [WINDOW - 1 - origin + lead for lead, origin in PAIRS]

# An origin with c values before it has weight c / (c + WARM_UP).
WARM_UP = 2.0

# Weight, in trials, of the prior that an error is as large as the usual step of the series. That
# step is UNPAIRED_STEP of the mean absolute value if no two neighbours were observed.
DOUBT = 0.2
UNPAIRED_STEP = 0.1

# Lower bound of the noise, as a share of the mean absolute value: below it is float32 rounding.
MIN_NOISE = 2e-6

TINY = 1e-6


@dataclass
class Errors:
    """Errors of the experts, averaged over origins."""

    mean: Tensor  # [B, R, L, E], mean absolute error by lead time
    noise: Tensor  # [B, 1, 1], the smallest mean absolute error one step ahead


def measure(lines: Lines, usual_step: Tensor) -> Errors:
    """Measure the errors of all experts.

    `lines` must have picked the values at `TARGETS`; every second row is in the logarithmic
    channel. `usual_step` [B, 1, 1] is the mean absolute difference between neighbours.
    """
    actual, observed, scaled = lines.picked.split(1, [ROWS, 1, 1])
    origins = [ORIGINS.index(origin) for _, origin in PAIRS]
    leads = np.array([lead for lead, _ in PAIRS])
    moved = np.stack([damped_steps(expert.damping, leads) for expert in EXPERTS], axis=1)
    forecast = lines.level.take(origins, 2) + lines.step.take(origins, 2) * moved
    deviation = (forecast - actual.unsqueeze(3)).abs()

    evidence = lines.weight.take([place(origin, ALPHAS[0]) for _, origin in PAIRS], 2)
    weight = observed * (evidence / (evidence + WARM_UP))
    size = scaled.abs() * weight

    # In units of DOUBT, so that the usual step has weight one.
    by_lead = np.equal.outer(np.array(LEADS), leads) / np.float32(DOUBT)
    # The weights go into the averaging matrix, the smaller of the two factors.
    averaging = concatenate([weight, size] * 3, axis=1).unsqueeze(2) * by_lead
    total = (weight @ by_lead.T + 1.0).unsqueeze(3)
    mean = (averaging @ deviation + usual_step.unsqueeze(3)) / total
    return Errors(mean, mean.take(0, 2).min(1, 2).maximum(MIN_NOISE))


def usual_step(moves: Tensor) -> Tensor:
    """Return the mean step size [B, 1, 1]; `moves` [B, 2, n] are sizes and their presence mask."""
    sums = moves.sum(2) + np.array([[UNPAIRED_STEP * TINY], [TINY]])
    total, count = sums.split(1, [1, 1])
    return total / count
