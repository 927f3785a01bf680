"""Reading of a corpus: a folder with one `.npz` file per source, which holds the arrays

- `values` float32: all series of the file, concatenated, NaN where missing;
- `offsets` int64: series i is `values[offsets[i]:offsets[i + 1]]`;
- `season` int32: steps per season, 1 if there is none;
- `season2` int32, optional: steps per second season, 0 if there is none;
- `name`: the name of each series within its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .split import is_held_out


@dataclass(frozen=True)
class Series:
    """One series of a corpus; season lengths are in steps."""

    source: str
    name: str
    # Index within the file: names are truncated, so that some are no longer unique.
    position: int
    values: np.ndarray
    season_length: int
    second_season: int

    @property
    def held_out(self) -> bool:
        return is_held_out(self.source, self.name, self.season_length)


def read_series(folder: Path) -> Iterator[Series]:
    """Yield the series of every source as float64, ordered by file name."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .npz file; see --help for the format")
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            values, offsets, seasons = file["values"], file["offsets"], file["season"]
            second = file["season2"] if "season2" in file else np.zeros_like(seasons)
            names = file["name"]
        each = zip(names.tolist(), seasons.tolist(), second.tolist(), strict=True)
        for i, (name, season, second_season) in enumerate(each):
            series_values = values[offsets[i] : offsets[i + 1]].astype(np.float64)
            yield Series(path.stem, str(name), i, series_values, season, second_season)
