"""Forecasters that need no fit, and the interface that all forecasters share.

A forecaster returns the nine deciles of each step, [window, decile, step]; a window that is NaN
throughout has failed. The fifth decile is the point forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np

from ..scoring import seasonal_naive
from ..serving import Bundle
from .tasks import Task, Window

DECILES = tuple(round(0.1 * i, 1) for i in range(1, 10))


class Forecaster(Protocol):
    """A method that the leaderboard scores."""

    name: str
    cached_as: str | None  # Name and version in the cache; None disables caching.
    chunk: int  # Number of windows per call.

    def serves(self, task: Task) -> bool:
        """Return true if the method can forecast this set."""
        ...

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        """Return the deciles of all windows, [window, decile, step]."""
        ...


class Naive:
    """Seasonal naive as a point forecast: all deciles are equal, as in its published scores."""

    name = "seasonal naive"
    cached_as: str | None = None
    chunk = 64

    def serves(self, task: Task) -> bool:
        return True

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        points = [self._point(window, horizon) for window in windows]
        return np.repeat(np.array(points)[:, None], len(DECILES), axis=1)

    def _point(self, window: Window, horizon: int) -> np.ndarray:
        return seasonal_naive(window.filled(), window.season_length, horizon)


class NaiveBands:
    """Seasonal naive with normal bands that widen every season (Hyndman, Athanasopoulos)."""

    cached_as: str | None = None
    chunk = 64

    def __init__(self, second_season: bool = False):
        self.second_season = second_season
        self.name = "naive of second season" if second_season else "seasonal naive, bands"

    def serves(self, task: Task) -> bool:
        return not self.second_season or any(window.second_season for window in task.windows)

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        return np.array([self._forecast_one(window, horizon) for window in windows])

    def _forecast_one(self, window: Window, horizon: int) -> np.ndarray:
        history, season = window.filled(), window.season_length
        if self.second_season and len(history) > 2 * window.second_season > 0:
            season = window.second_season
        season = season if len(history) > season else 1
        point = seasonal_naive(history, season, horizon)
        errors = history[season:] - history[:-season]
        spread = np.sqrt(np.mean(errors**2)) * np.sqrt(np.arange(horizon) // season + 1.0)
        normal = np.array([NormalDist().inv_cdf(level) for level in DECILES])
        return point + normal[:, None] * spread


class PastDeciles:
    """The deciles of the history at every step: hard to beat if most values are zero."""

    name = "deciles of the past"
    cached_as: str | None = None
    chunk = 64

    def serves(self, task: Task) -> bool:
        return task.name.startswith("intermittent")

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        deciles = [np.nanquantile(window.history, DECILES) for window in windows]
        return np.repeat(np.array(deciles)[:, :, None], horizon, axis=2)


@dataclass(frozen=True)
class Mean:
    """The mean deciles of several forecasters, computed from their cached forecasts."""

    name: str
    members: tuple[Forecaster, ...]

    def serves(self, task: Task) -> bool:
        return all(member.serves(task) for member in self.members)


class BundleForecaster:
    """A model version, run as the server would run it."""

    cached_as: str | None = None
    chunk = 32

    def __init__(self, folder: Path, season_known: bool = True, threads: int = 1):
        self.bundle = Bundle.load(folder, threads)
        self.season_known = season_known
        name = "/".join(folder.resolve().parts[-2:])
        self.name = name if season_known else f"{name}, season unknown"
        self.rows = [self.bundle.levels.index(level) for level in DECILES]

    def serves(self, task: Task) -> bool:
        return task.horizon <= self.bundle.manifest["horizon"]["longest"]

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        seasons = [window.season_length if self.season_known else 0 for window in windows]
        histories = [window.history for window in windows]
        return self.bundle.forecast(histories, seasons, horizon)[:, self.rows]


class Fracast:
    """A pretrained network of 85 thousand weights, which may have seen the public tasks.

    It takes no season length.
    """

    name = "fracast"
    chunk = 1

    def __init__(self) -> None:
        self.cached_as: str | None = f"fracast-{metadata.version('fracast')}"

    @cached_property
    def model(self) -> Any:
        # Imported late: it is large, depends on torch, and is not needed if all is cached.
        import torch
        from fracast import FracastModel

        torch.set_num_threads(1)
        return FracastModel.from_pretrained(weights="fp32")

    def serves(self, task: Task) -> bool:
        return True

    def forecast(self, windows: Sequence[Window], horizon: int) -> np.ndarray:
        return np.array([self._forecast_one(window, horizon) for window in windows])

    def _forecast_one(self, window: Window, horizon: int) -> np.ndarray:
        try:
            quantiles = self.model.forecast(window.history, horizon=horizon)
        except (RuntimeError, ValueError):
            return np.full((len(DECILES), horizon), np.nan)
        return np.sort(quantiles, axis=1).T
