"""Windows of real series, with augmentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .archive import read_series
from .window import Window, cut

# Weight of a source with many similar series. A long series weighs more, up to MAX_WEIGHT.
SOURCE_WEIGHTS = {"owid": 0.06}
USUAL_LENGTH, MAX_WEIGHT = 150, 4.0

# By season length: the number of steps that are averaged, and the season length that results.
COARSER = {
    12: ((3, 4), (12, 1)),
    4: ((4, 1),),
    7: ((7, 52), (30, 12)),
    24: ((3, 8), (4, 6), (24, 7), (168, 52)),
    48: ((2, 24), (48, 7)),
    336: ((2, 24), (48, 7)),
}
MIN_LENGTH = 12

# Probabilities of the augmentations that turn one series into another.
REVERSED, MIXED, MOVED, MOVED_YEARLY, FLIPPED = 0.06, 0.19, 0.05, 0.24, 0.04


class Corpus:
    """The series available for training, by season length."""

    def __init__(self, folder: Path, *, held_out: bool = False):
        self.series: dict[int, list[np.ndarray]] = defaultdict(list)
        weights: dict[int, list[float]] = defaultdict(list)
        for series in read_series(folder):
            if series.held_out != held_out or len(series.values) < MIN_LENGTH:
                continue
            source = SOURCE_WEIGHTS.get(series.source, 1.0)
            for season, values in _with_coarser(series.season_length, series.values):
                self.series[season].append(values)
                size = np.clip(len(values) / USUAL_LENGTH, 1.0, MAX_WEIGHT)
                weights[season].append(source * size)
        self.chances = {
            season: np.array(season_weights) / np.sum(season_weights)
            for season, season_weights in weights.items()
        }

    def seasons(self) -> list[int]:
        return sorted(self.series)

    def draw(self, random: np.random.Generator, season: int) -> Window:
        """Draw a window with the given season length, after random augmentation."""
        while True:
            values = self._pick(random, season)
            if random.random() < MIXED and season > 1:
                values = _mix(random, values, self._pick(random, season))
            values = _change(random, values, season)
            window = cut(random, values, season)
            if window is not None:
                return window

    def _pick(self, random: np.random.Generator, season: int) -> np.ndarray:
        chosen = random.choice(len(self.chances[season]), p=self.chances[season])
        return self.series[season][chosen]


def _with_coarser(season: int, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the series, then averages over blocks of steps with the season length of each."""
    season = 48 if season == 336 else season
    yield season, values
    for steps, coarser in COARSER.get(season, ()):
        whole = len(values) // steps
        if whole >= MIN_LENGTH:
            blocks = values[len(values) - whole * steps :].reshape(whole, steps)
            yield coarser, blocks.mean(axis=1)


def _mix(random: np.random.Generator, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return a weighted mean of two normalized series; geometric if both are positive."""
    length = min(len(left), len(right))
    left, right = left[-length:], right[-length:]
    sizes = [np.nanmean(np.abs(values)) for values in (left, right)]
    if not all(np.isfinite(size) and size > 0.0 for size in sizes):
        return left
    left, right = left / sizes[0], right / sizes[1]
    share = random.beta(1.2, 1.2)
    if np.nanmin(left) > 0.0 and np.nanmin(right) > 0.0 and random.random() < 0.5:
        return left**share * right ** (1.0 - share)
    return share * left + (1.0 - share) * right


def _change(random: np.random.Generator, values: np.ndarray, season: int) -> np.ndarray:
    """Reverse, shift and negate at random."""
    if random.random() < REVERSED:
        values = values[::-1]
    if random.random() < (MOVED_YEARLY if season == 1 else MOVED):
        values = values + random.uniform(0.0, 6.0) * np.nanstd(values)
    if random.random() < FLIPPED:
        values = -values
    return values
