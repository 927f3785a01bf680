"""Scores of a backend on a dataset, and agreement between backends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import metrics
from .backends import COLUMNS, DECILES, ForecastResults
from .competitions import Dataset

# Tolerances relative to the largest value of a forecast. ONNX Runtime's vector kernels round the
# end of a row differently from its middle, so the last digits of a forecast depend on its batch;
# the bundle has the tolerance of its golden.json.
SERVED_TOLERANCE = 1e-5
BUNDLE_TOLERANCE = 1e-4


@dataclass
class Score:
    """The scores of one backend on one dataset, and those of seasonal naive."""

    dataset: str
    series: int
    scaled: int  # Number of series with a scale, over which MASE is averaged.
    mase: float
    smape: float
    wql: float
    coverage_80: float
    coverage_95: float
    naive_mase: float
    naive_wql: float

    @property
    def mase_ratio(self) -> float:
        return self.mase / self.naive_mase

    @property
    def wql_ratio(self) -> float:
        return self.wql / self.naive_wql


def seasonal_naive(history: np.ndarray, season_length: int, horizon: int) -> np.ndarray:
    """Repeat the last season, or the last value if the history is shorter than a season."""
    season = history[-season_length:] if len(history) >= season_length else history[-1:]
    return np.resize(season, horizon)


def score(dataset: Dataset, results: ForecastResults) -> Score:
    """Score the series that have a forecast; the caller reports the others as failures."""
    rows: list[tuple[float, ...]] = []
    losses: list[np.ndarray] = []
    naive_losses: list[np.ndarray] = []
    absolute_sum, scored = 0.0, 0
    for series in dataset.series:
        if series.id not in results.numbers:
            continue
        forecast, actual = results.numbers[series.id], series.actual
        column = {name: np.array(forecast[name], dtype=float)[: len(actual)] for name in COLUMNS}
        deciles = np.stack([column[str(level)] for level in DECILES])
        naive = seasonal_naive(series.history, dataset.season_length, len(actual))
        scale = metrics.seasonal_naive_scale(series.history, dataset.season_length)
        rows.append(
            (
                metrics.mean_absolute_scaled_error(actual, column["point"], scale),
                metrics.symmetric_percentage_error(actual, column["point"]),
                metrics.coverage(actual, column["lower-80"], column["upper-80"]),
                metrics.coverage(actual, column["lower-95"], column["upper-95"]),
                metrics.mean_absolute_scaled_error(actual, naive, scale),
            )
        )
        losses.append(metrics.quantile_loss(actual, deciles, DECILES))
        naive_losses.append(
            metrics.quantile_loss(actual, np.tile(naive, (len(DECILES), 1)), DECILES)
        )
        absolute_sum += float(np.abs(actual).sum())
        scored += 1

    table = np.array(rows).reshape(-1, 5)
    mase, smape, coverage_80, coverage_95, naive_mase = np.nanmean(table, axis=0)
    return Score(
        dataset=dataset.name,
        series=scored,
        scaled=int(np.isfinite(table[:, 0]).sum()),
        mase=float(mase),
        smape=float(smape),
        wql=metrics.weighted_quantile_loss(np.array(losses), absolute_sum),
        coverage_80=float(coverage_80),
        coverage_95=float(coverage_95),
        naive_mase=float(naive_mase),
        naive_wql=metrics.weighted_quantile_loss(np.array(naive_losses), absolute_sum),
    )


def compare_results(
    left: ForecastResults, right: ForecastResults, tolerance: float
) -> tuple[int, list[str]]:
    """Return the number of series with equal forecasts, and the ids of the other series."""
    different = []
    ids = left.numbers.keys() | right.numbers.keys()
    for series_id in sorted(ids):
        one, other = left.numbers.get(series_id), right.numbers.get(series_id)
        if one is None or other is None or not _equal(one, other, tolerance):
            different.append(series_id)
    return len(ids) - len(different), different


def _equal(left: dict[str, list[float]], right: dict[str, list[float]], tolerance: float) -> bool:
    tables = [np.array([side[column] for column in COLUMNS], dtype=float) for side in (left, right)]
    if tables[0].shape != tables[1].shape:
        return False
    largest = max(np.abs(table).max() for table in tables)
    return bool(np.abs(tables[0] - tables[1]).max() <= tolerance * largest)
