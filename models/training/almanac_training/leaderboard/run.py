"""Runs every forecaster on every set, or reads cached forecasts from disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .cache import Cache, key
from .forecasters import Forecaster, Mean, NaiveBands
from .tasks import Task, Window

SAVE_EVERY_SECONDS = 15.0


@dataclass(frozen=True)
class Forecasts:
    """Deciles [window, decile, step], and the number of windows replaced by seasonal naive."""

    deciles: np.ndarray
    failed: int


class Runner:
    """Runs forecasters; `fit` allows to run cached methods whose forecasts are missing."""

    def __init__(self, cache: Path, fit: bool = True):
        self.folder, self.fit = cache, fit

    def forecast(self, forecaster: Forecaster | Mean, task: Task) -> Forecasts | None:
        """Return None if the method does not serve the set, or a fit is needed but not allowed."""
        if not forecaster.serves(task):
            return None
        deciles = self._deciles(forecaster, task)
        if deciles is None:
            return None
        failed = np.isnan(deciles).any(axis=(1, 2))
        if failed.any():
            windows = [task.windows[i] for i in np.flatnonzero(failed)]
            deciles[failed] = NaiveBands().forecast(windows, task.horizon)
        return Forecasts(_clip_negative(deciles, task), int(failed.sum()))

    def _deciles(self, forecaster: Forecaster | Mean, task: Task) -> np.ndarray | None:
        if isinstance(forecaster, Mean):
            forecasts = [self.forecast(member, task) for member in forecaster.members]
            deciles = [one.deciles for one in forecasts if one is not None]
            return np.mean(deciles, axis=0) if len(deciles) == len(forecasts) else None
        if forecaster.cached_as is None:
            return _in_chunks(forecaster, task.windows, task, lambda part, deciles: None)
        return self._cached(forecaster, forecaster.cached_as, task)

    def _cached(self, forecaster: Forecaster, name: str, task: Task) -> np.ndarray | None:
        cache = Cache(self.folder, f"{task.name} {task.horizon}", name)
        keys = [key(window, task.horizon) for window in task.windows]
        todo = {
            window_key: window
            for window_key, window in zip(keys, task.windows, strict=True)
            if window_key not in cache
        }
        if todo and not self.fit:
            return None
        saved = time.monotonic()

        def keep(part: tuple[Window, ...], deciles: np.ndarray) -> None:
            nonlocal saved
            cache.add([key(window, task.horizon) for window in part], deciles)
            if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                cache.save()
                saved = time.monotonic()

        if todo:
            try:
                _in_chunks(forecaster, tuple(todo.values()), task, keep)
            finally:
                cache.save()
        return cache.take(keys)


def _in_chunks(
    forecaster: Forecaster,
    windows: tuple[Window, ...],
    task: Task,
    keep: Callable[[tuple[Window, ...], np.ndarray], None],
) -> np.ndarray:
    parts = []
    label = f"{task.name}: {forecaster.name}"
    with tqdm(total=len(windows), desc=label, unit="window", disable=None, leave=False) as bar:
        for start in range(0, len(windows), forecaster.chunk):
            part = windows[start : start + forecaster.chunk]
            parts.append(forecaster.forecast(part, task.horizon))
            keep(part, parts[-1])
            bar.update(len(part))
    return np.concatenate(parts)


def _clip_negative(deciles: np.ndarray, task: Task) -> np.ndarray:
    """Clip at zero if the history is not negative, as the server does, for every forecaster."""
    positive = [np.nanmin(window.history) >= 0.0 for window in task.windows]
    return np.where(np.array(positive)[:, None, None], np.maximum(deciles, 0.0), deciles)
