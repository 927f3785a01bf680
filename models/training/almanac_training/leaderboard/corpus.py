"""The held-out series of a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.archive import read_series


@dataclass(frozen=True)
class HeldOut:
    """A series that no model was trained on; season lengths are in steps."""

    source: str
    name: str
    values: np.ndarray
    season_length: int
    second_season: int = 0

    @property
    def family(self) -> str:
        """The name shared by series that were published together."""
        return f"{self.source}/{self.name.split('.')[0]}"

    @property
    def zeros(self) -> float:
        """The share of values that are zero."""
        return float(np.mean(self.values == 0.0))


def held_out(folder: Path) -> Iterator[HeldOut]:
    """Yield the held-out series of a corpus, with unique names."""
    for series in read_series(folder):
        if series.held_out:
            name = f"{series.name}#{series.position}"
            season, second = series.season_length, series.second_season
            yield HeldOut(series.source, name, series.values, season, second)
