"""Test sets: windows of series, each with a history and the values that followed it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .. import competitions

EIGHT, FIVE_KINDS, MADE_UP = "eight tasks", "five kinds", "made up"

# Yearly Tourism and M3's "other" are excluded: the published scores are of these eight.
EIGHT_NAMES = (
    "M1 yearly",
    "M1 quarterly",
    "M1 monthly",
    "M3 yearly",
    "M3 quarterly",
    "M3 monthly",
    "Tourism quarterly",
    "Tourism monthly",
)


@dataclass(frozen=True)
class Window:
    """A history and its future; windows cut from one series share the name `series`."""

    series: str
    history: np.ndarray
    actual: np.ndarray
    season_length: int
    second_season: int = 0

    def filled(self) -> np.ndarray:
        """Return the history with missing values interpolated linearly."""
        missing = np.isnan(self.history)
        if not missing.any():
            return self.history
        steps = np.arange(len(self.history))
        return np.interp(steps, steps[~missing], self.history[~missing])


@dataclass(frozen=True)
class Task:
    """A test set. `alike` means that the weighted loss treats the series as of one size.

    Otherwise each window is divided by the mean absolute value of its history first, so that the
    largest series does not dominate.
    """

    name: str
    group: str
    horizon: int
    windows: tuple[Window, ...]
    alike: bool = False

    @property
    def series(self) -> int:
        """The number of distinct series."""
        return len({window.series for window in self.windows})


def eight() -> list[Task]:
    """Load the eight public tasks on which forecasters are usually compared."""
    datasets = {dataset.name: dataset for dataset in competitions.load()}
    return [_public(datasets[name]) for name in EIGHT_NAMES]


def _public(dataset: competitions.Dataset) -> Task:
    windows = tuple(
        Window(series.id, series.history, series.actual, dataset.season_length)
        for series in dataset.series
    )
    return Task(dataset.name, EIGHT, dataset.horizon, windows, alike=True)


def cut(
    values: np.ndarray, context: int, min_history: int, horizon: int, max_windows: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut at most `max_windows` pairs of history and future.

    Futures are disjoint and spread over the whole series. Histories have `context` steps if the
    series is long enough. Windows are skipped if their future is not fully known, or less than half
    of their history is.
    """
    last = len(values) - horizon
    if last < min_history:
        return []
    first = min(context, last)
    count = min(max_windows, (last - first) // horizon + 1)
    origins = np.floor(np.linspace(last, first, count)).astype(int)
    pairs = [
        (values[max(0, origin - context) : origin], values[origin:][:horizon])
        for origin in sorted(origins.tolist())
    ]
    return [pair for pair in pairs if _usable(*pair)]


def _usable(history: np.ndarray, actual: np.ndarray) -> bool:
    known = history[~np.isnan(history)]
    if np.isnan(actual).any() or len(known) < len(history) / 2:
        return False
    return bool(known.min() < known.max())


def limit_windows(task: Task, limit: int | None) -> Task:
    """Return the task with at most `limit` windows, evenly spaced, so that all sources remain."""
    if limit is None or len(task.windows) <= limit:
        return task
    chosen = np.linspace(0, len(task.windows) - 1, limit).round().astype(int)
    return replace(task, windows=tuple(task.windows[i] for i in chosen))
