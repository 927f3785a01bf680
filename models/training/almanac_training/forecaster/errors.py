"""How far every expert would have been off, at several lead times, in the recent past.

In the logarithmic channel an error is a share, and counts times the value that it is a
share of, so that all experts are compared in the units of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor, concatenate
from .lines import EXPERTS, ORIGINS, WINDOW, Lines, damped_steps

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
    usual_step: Tensor  # [B, 1, 1], mean absolute difference between neighbours


def measure(lines: Lines, rows: Tensor, observed: Tensor, scaled: Tensor) -> Errors:
    """`rows` [B, R, WINDOW], every second one of the logarithmic channel."""
    origins = [ORIGINS.index(origin) for _, origin in PAIRS]
    targets = [WINDOW - 1 - origin + lead for lead, origin in PAIRS]
    leads = np.array([lead for lead, _ in PAIRS])
    moved = np.stack([damped_steps(expert.damping, leads) for expert in EXPERTS], axis=1)
    forecast = lines.level.take(origins, 2) + lines.step.take(origins, 2) * moved
    deviation = (forecast - rows.take(targets, 2).unsqueeze(3)).abs()

    evidence = lines.evidence.take(origins, 2).reshape(-1, 1, len(PAIRS))
    weight = observed.take(targets, 2) * (evidence / (evidence + WARM_UP))
    size = scaled.take(targets, 2).abs() * weight

    by_lead = np.equal.outer(np.array(LEADS), leads).astype(np.float32)
    # Weights go into the averaging matrix: the smaller of the two to multiply.
    averaging = concatenate([weight, size] * 3, axis=1).unsqueeze(2) * by_lead
    total = (weight.unsqueeze(2) * by_lead).sum(3)
    usual = _usual_step(scaled, observed)
    mean = (averaging @ deviation + DOUBT * usual.unsqueeze(3)) / (total + DOUBT)
    noise = mean.slice(2, 0, 1).min(1, 3, keepdims=False).unsqueeze(2)
    return Errors(mean, noise.maximum(SMALLEST_NOISE), usual)


def _usual_step(scaled: Tensor, observed: Tensor) -> Tensor:
    both = observed.slice(2, 1) * observed.slice(2, 0, -1)
    step = (scaled.slice(2, 1) - scaled.slice(2, 0, -1)).abs() * both
    return (step.sum(2) + LONELY_STEP * TINY) / (both.sum(2) + TINY)
