"""The mix of training windows by season length, real and synthetic.

The real series are mostly yearly, quarterly and monthly, and alone would ruin forecasts of finer
frequencies: where real series are plentiful they make up most of the windows, elsewhere the
synthetic prior does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import synthetic
from .corpus import Corpus
from .window import Window

# Shares by steps per season; seasons that the corpus lacks are skipped.
REAL = {
    1: 0.30, 4: 0.24, 12: 0.37, 52: 0.035, 7: 0.025, 24: 0.02,
    8: 0.003, 6: 0.003, 13: 0.001, 48: 0.003,
}  # fmt: skip
SYNTHETIC = {
    1: 0.05, 4: 0.04, 12: 0.07, 7: 0.18, 24: 0.24, 48: 0.13, 52: 0.14, 5: 0.03, 96: 0.02,
}  # fmt: skip

# Season lengths of the remaining synthetic windows.
RARE_SEASONS = (2, 3, 5, 6, 8, 9, 10, 13, 14, 15, 16, 18, 20, 21, 28, 30, 36, 60, 144, 1)

# Number of series of one season length that are generated together.
GROUP_SIZE = 256


def real_windows(random: np.random.Generator, folder: Path, count: int) -> Iterator[Window]:
    """Draw `count` windows of the corpus in `folder`."""
    corpus = Corpus(folder)
    seasons = [season for season in REAL if season in corpus.series]
    chances = np.array([REAL[season] for season in seasons])
    for season in random.choice(seasons, count, p=chances / chances.sum()).tolist():
        yield corpus.draw(random, season)


def synthetic_windows(random: np.random.Generator, count: int) -> Iterator[Window]:
    """Draw at least `count` windows of the synthetic prior."""
    seasons = [*SYNTHETIC, 0]
    chances = np.array([*SYNTHETIC.values(), 1.0 - sum(SYNTHETIC.values())])
    made = 0
    while made < count:
        season = int(random.choice(seasons, p=chances))
        if season == 0:
            season = int(random.choice(RARE_SEASONS))
        for window in synthetic.draw(random, season, GROUP_SIZE):
            yield window
            made += 1
