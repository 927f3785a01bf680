"""What is forecast: windows of series, each a history and what came after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .. import competitions

EIGHT, FIVE_KINDS, MADE_UP = "eight tasks", "five kinds", "made up"

# Yearly Tourism is the ninth and M3's "other" the tenth; the published scores are of these.
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
    """`series` is shared by all windows that were cut from one series."""

    series: str
    history: np.ndarray
    actual: np.ndarray
    season_length: int
    second_season: int = 0

    def filled(self) -> np.ndarray:
        """The history with missing values on the line between their neighbours."""
        missing = np.isnan(self.history)
        if not missing.any():
            return self.history
        steps = np.arange(len(self.history))
        return np.interp(steps, steps[~missing], self.history[~missing])


@dataclass(frozen=True)
class Task:
    """`alike` says that the series are of one size, as far as the weighted loss goes.

    Where they are not, each window is divided by the mean absolute value of its history
    first, so that the largest series does not decide alone.
    """

    name: str
    group: str
    horizon: int
    windows: tuple[Window, ...]
    alike: bool = False

    @property
    def series(self) -> int:
        return len({window.series for window in self.windows})


def eight() -> list[Task]:
    """The eight public tasks on which forecasters are compared elsewhere."""
    datasets = {dataset.name: dataset for dataset in competitions.load()}
    return [_public(datasets[name]) for name in EIGHT_NAMES]


def _public(dataset: competitions.Dataset) -> Task:
    windows = tuple(
        Window(series.id, series.history, series.actual, dataset.season_length)
        for series in dataset.series
    )
    return Task(dataset.name, EIGHT, dataset.horizon, windows, alike=True)


def cut(
    values: np.ndarray, context: int, shortest: int, horizon: int, most: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """At most `most` histories and futures; the futures are apart and spread over the series.

    Histories have `context` steps where the series is long enough. Windows whose future is
    not wholly known, or less than half of whose history is, are left out.
    """
    last = len(values) - horizon
    if last < shortest:
        return []
    first = min(context, last)
    count = min(most, (last - first) // horizon + 1)
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


def limited(task: Task, limit: int | None) -> Task:
    """At most so many windows, evenly over the set, so that every source keeps its part."""
    if limit is None or len(task.windows) <= limit:
        return task
    chosen = np.linspace(0, len(task.windows) - 1, limit).round().astype(int)
    return replace(task, windows=tuple(task.windows[i] for i in chosen))
