"""Weights of the experts, from the errors of their past forecasts.

Errors are measured at several lead times from every origin of a window at the end of the history.
In the logarithmic variant an error is relative, and is weighted by the value that it relates to, so
that both variants are compared in the units of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tensor import END, Tensor, arange, concatenate, where
from .experts import EXPERTS, Lines, damped_steps, value_at
from .history import History
from .season import Season

# Number of steps at the end of the history in which errors are measured.
WINDOW = 256

# Lead times at which past forecasts are scored. The longest matters for long histories only: a
# lead time with c pairs of origin and target has weight c / (c + LEAD_EVIDENCE).
LEADS = np.array([1, 2, 4, 8, 24])
LEAD_EVIDENCE = 20.0

# A weight is the expert's mean error to this negative power. The power is smaller with few
# observations, since the errors are less certain: n / (n + POWER_HALFWAY).
POWER = 8.0
POWER_HALFWAY = 6.0

# An origin with c values before it has weight c / (c + WARM_UP).
WARM_UP = 2.0

# Errors below this share of the mean absolute value are treated as equal.
MIN_ERROR = 1e-5

TINY = 1e-6
# A score so low that its weight is zero in float32.
LOG_ZERO = -1e4


@dataclass
class PastErrors:
    """Errors of the experts' past forecasts. A deviation is forecast minus actual."""

    deviation: Tensor  # [B, V, L, E, N]
    naive_deviation: Tensor  # [B, V, L, N], of seasonal naive
    naive_known: Tensor  # [B, 1, L, N], one where seasonal naive had a value
    unit: Tensor  # [B, V, L, N], value of a unit deviation in the scaled series
    weight: Tensor  # [B, 1, L, N], weight of the pair of origin and target


@dataclass
class Blend:
    """Weights of all forecasters, which sum to one."""

    expert: Tensor  # [B, V, 1, E]
    naive: Tensor  # [B, V, 1]

    @property
    def variant(self) -> Tensor:
        """The total weight of each variant, [B, V, 1]."""
        return self.expert.sum(3, keepdims=False) + self.naive


def look_back(
    history: History, season: Season, lines: Lines, adjusted: Tensor, observed: Tensor
) -> PastErrors:
    """Measure past errors; `adjusted` and `observed` are the window, the last N steps."""
    window = observed.size(2)
    raw, scaled = history.variants.slice(2, -WINDOW), history.scaled.slice(2, -WINDOW)
    targets = _ahead(concatenate([adjusted, observed, raw, scaled], axis=1))
    actual, seen = targets.slice(1, 0, 2), targets.slice(1, 2, 3)
    raw, scaled = targets.slice(1, 3, 5), targets.slice(1, 5, 6)

    moved = lines.level.unsqueeze(2) + lines.slope.unsqueeze(2) * damped_steps(LEADS)
    seen_before = observed.cumsum(2)
    weight = (observed * seen_before / (seen_before + WARM_UP)).unsqueeze(2) * seen

    target = history.length - window + arange(window) + observed.graph.constant(LEADS[:, None])
    source = target - season.whole(observed.graph.constant(LEADS[None, None, :])).unsqueeze(3)
    naive, known = value_at(history, source.reshape(0, 1, -1))
    return PastErrors(
        deviation=moved - actual.unsqueeze(3),
        naive_deviation=naive.reshape(0, 2, len(LEADS), -1) - raw,
        naive_known=known.reshape(0, 1, len(LEADS), -1),
        unit=concatenate([0.0 * scaled + 1.0, scaled.abs()], axis=1),
        weight=weight,
    )


def _ahead(values: Tensor) -> Tensor:
    """Return [B, C, N] as seen from every origin at every lead time, [B, C, L, N]."""
    longest = int(LEADS[-1])
    padded = values.pad([0, 0, 0], [0, 0, longest])
    slices = [padded.slice(2, lead, lead - longest or END) for lead in LEADS.tolist()]
    return concatenate([part.unsqueeze(2) for part in slices], axis=2)


def weigh(history: History, past: PastErrors) -> Blend:
    """Return the softmax of the logarithm of past errors: a normalized power of the error."""
    value = (past.unit * past.weight).unsqueeze(4)
    total = past.weight.sum(3)
    error = (past.deviation.abs() @ value) / total.unsqueeze(4).maximum(TINY)
    trust = total / (total + LEAD_EVIDENCE)
    expert_error = (error * trust.unsqueeze(4)).sum(2, 4, keepdims=False)
    expert_error = expert_error / trust.sum(2, 3, keepdims=False).maximum(TINY).unsqueeze(2)

    naive_weight = past.weight * past.naive_known
    naive_total = naive_weight.sum(3)
    naive_trust = naive_total / (naive_total + LEAD_EVIDENCE)
    error = (past.naive_deviation.abs() * past.unit * naive_weight).sum(3)
    error = error / naive_total.maximum(TINY)
    naive_trusted = naive_trust.sum(2, 3, keepdims=False).unsqueeze(2)
    naive_error = (error * naive_trust).sum(2, 3, keepdims=False).unsqueeze(2)
    naive_error = naive_error / naive_trusted.maximum(TINY)

    power = POWER * history.count / (history.count + POWER_HALFWAY)
    expert_score = -power * (expert_error + MIN_ERROR).log()
    naive_score = where(naive_trusted > 0.0, -power * (naive_error + MIN_ERROR).log(), LOG_ZERO)
    score = concatenate([expert_score, naive_score], axis=2)
    logarithm_allowed = concatenate([0.0 * history.positive + 1.0, history.positive], axis=1)
    score = where(logarithm_allowed > 0.0, score, LOG_ZERO)

    members = len(EXPERTS) + 1
    weights = score.reshape(-1, 2 * members).softmax(1).reshape(-1, 2, 1, members)
    return Blend(
        expert=weights.slice(3, 0, len(EXPERTS)),
        naive=weights.slice(3, len(EXPERTS)).reshape(-1, 2, 1),
    )


def residuals(past: PastErrors, blend: Blend) -> Tensor:
    """Return actual minus blended forecast in the scaled series, [B, L, N].

    Logarithms are inverted to first order, as for the errors.
    """
    deviation = (blend.expert.unsqueeze(2) @ past.deviation).reshape(
        -1, 2, len(LEADS), past.unit.size(3)
    )
    naive = past.naive_deviation * past.naive_known
    deviation = deviation + blend.naive.unsqueeze(3) * naive
    return -(deviation * past.unit).sum(1, keepdims=False)
