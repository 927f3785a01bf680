"""Accuracy of the forecasts of one set, absolute and relative to seasonal naive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .. import metrics
from .forecasters import DECILES
from .tasks import EIGHT, Task

MIDDLE, LOWER, UPPER = DECILES.index(0.5), DECILES.index(0.1), DECILES.index(0.9)


@dataclass(frozen=True)
class Score:
    """The scores of a method on a set; NaN if unknown, as for quoted scores."""

    task: str
    group: str
    method: str
    windows: int
    series: int
    mase: float
    wql: float
    smape: float
    coverage_80: float
    failed: int = 0
    mase_ratio: float = float("nan")
    wql_ratio: float = float("nan")


@dataclass(frozen=True)
class Baseline:
    """The scores of seasonal naive, the denominators of the ratios.

    On the eight tasks it is the published seasonal naive, a point forecast. On the other sets the
    version with bands is used if it is better.
    """

    mase: float
    wql: float


def score(task: Task, method: str, deciles: np.ndarray, failed: int = 0) -> Score:
    """Score a method's deciles [window, decile, step] on a set, without ratios."""
    rows, losses, sizes = [], [], []
    for window, forecast in zip(task.windows, deciles, strict=True):
        actual = window.actual
        forecast = forecast[:, : len(actual)]
        unit = 1.0 if task.alike else float(np.nanmean(np.abs(window.history))) or 1.0
        scale = metrics.seasonal_naive_scale(window.history, window.season_length)
        rows.append(
            (
                metrics.mean_absolute_scaled_error(actual, forecast[MIDDLE], scale),
                metrics.symmetric_percentage_error(actual, forecast[MIDDLE]),
                metrics.coverage(actual, forecast[LOWER], forecast[UPPER]),
            )
        )
        losses.append(metrics.quantile_loss(actual, forecast, DECILES) / unit)
        sizes.append(np.abs(actual).sum() / unit)
    mase, smape, coverage = np.nanmean(np.array(rows), axis=0).tolist()
    wql = metrics.weighted_quantile_loss(np.array(losses), float(np.sum(sizes)))
    return Score(
        task=task.name,
        group=task.group,
        method=method,
        windows=len(task.windows),
        series=task.series,
        mase=mase,
        wql=wql,
        smape=smape,
        coverage_80=coverage,
        failed=failed,
    )


def baseline(naive: Score, bands: Score) -> Baseline:
    """Return the baseline of a set from seasonal naive without and with bands."""
    wql = naive.wql if naive.group == EIGHT else min(naive.wql, bands.wql)
    return Baseline(naive.mase, wql)


def relative_to(reference: Baseline, one: Score) -> Score:
    """Return the score with its ratios; NaN if the baseline has no error."""
    mase = one.mase / reference.mase if reference.mase > 0.0 else float("nan")
    wql = one.wql / reference.wql if reference.wql > 0.0 else float("nan")
    return replace(one, mase_ratio=mase, wql_ratio=wql)


def group_means(scores: Sequence[Score]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return geometric means of the ratios of MASE and WQL, by method and then by group.

    A method has means only for groups in which it was scored on every set.
    """
    tasks: dict[str, set[str]] = {}
    for one in scores:
        tasks.setdefault(one.group, set()).add(one.task)
    means: dict[str, dict[str, tuple[float, float]]] = {}
    for method in dict.fromkeys(one.method for one in scores):
        for group, names in tasks.items():
            group_scores = [one for one in scores if one.method == method and one.group == group]
            if {one.task for one in group_scores} == names:
                means.setdefault(method, {})[group] = (
                    metrics.geometric_mean([one.mase_ratio for one in group_scores]),
                    metrics.geometric_mean([one.wql_ratio for one in group_scores]),
                )
    return means
