"""Statistical methods of `statsforecast`, fitted to each history on its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from statsforecast import models
from statsforecast.utils import ConformalIntervals

from .forecasters import DECILES, Forecaster, Mean
from .tasks import Task, Window

# Central intervals, in percent, whose bounds are the deciles other than the median.
INTERVALS = (20, 40, 60, 80)
COLUMNS = (
    *(f"lo-{interval}" for interval in reversed(INTERVALS)),
    "mean",
    *(f"hi-{interval}" for interval in INTERVALS),
)

# Past windows from which the methods for intermittent series compute conformal intervals.
CONFORMAL_WINDOWS = 8
TSB_SMOOTHING = 0.2


def versioned(name: str) -> str:
    """Return a method's name in the cache, with the version of statsforecast."""
    return f"{name}-statsforecast-{metadata.version('statsforecast')}"


class Classical:
    """A model of statsforecast; forecasts are NaN where a fit fails."""

    chunk = 1

    def __init__(
        self,
        name: str,
        model: Callable[[Window, int], Any],
        serves: Callable[[Task], bool] = lambda task: True,
    ):
        self.name = name
        self.cached_as: str | None = versioned(name)
        self.model, self._serves = model, serves

    def serves(self, task: Task) -> bool:
        return self._serves(task)

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        return np.array([self._forecast_one(window, horizon) for window in windows])

    def _forecast_one(self, window: Window, horizon: int) -> np.ndarray:
        history = window.filled()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = self.model(window, horizon)
                forecast = model.forecast(y=history, h=horizon, level=list(INTERVALS))
            deciles = np.array([forecast[column] for column in COLUMNS], dtype=np.float64)
        except Exception:  # A fit may raise anything; it counts as failed and is reported.
            deciles = np.full((len(DECILES), horizon), np.nan)
        return deciles if np.isfinite(deciles).all() else np.full_like(deciles, np.nan)


def _multiple(window: Window, horizon: int) -> Any:
    """Return MSTL with the seasons that fit into the history twice, or AutoETS without any."""
    length = len(window.history)
    seasons = [
        season
        for season in (window.season_length, window.second_season)
        if 1 < season <= length // 2 - 1
    ]
    if not seasons:
        return models.AutoETS(season_length=1)
    return models.MSTL(season_length=seasons, trend_forecaster=models.AutoETS(model="ZZN"))


def _conformal(horizon: int) -> ConformalIntervals:
    return ConformalIntervals(n_windows=CONFORMAL_WINDOWS, h=horizon)


def _intermittent(task: Task) -> bool:
    return task.name.startswith("intermittent")


def forecasters() -> list[Forecaster | Mean]:
    """Return all methods. AutoETS of statsforecast ignores seasons longer than 24 steps."""
    three = [
        Classical("AutoETS", lambda window, _: models.AutoETS(season_length=window.season_length)),
        Classical(
            "AutoTheta", lambda window, _: models.AutoTheta(season_length=window.season_length)
        ),
        Classical("AutoCES", lambda window, _: models.AutoCES(season_length=window.season_length)),
    ]
    return [
        *three,
        Mean("mean of the three", tuple(three)),
        Classical("MSTL", _multiple, lambda task: not _intermittent(task)),
        Classical(
            "CrostonSBA",
            lambda _, horizon: models.CrostonSBA(prediction_intervals=_conformal(horizon)),
            _intermittent,
        ),
        Classical(
            "TSB",
            lambda _, horizon: models.TSB(
                TSB_SMOOTHING, TSB_SMOOTHING, prediction_intervals=_conformal(horizon)
            ),
            _intermittent,
        ),
    ]
