"""The held-out series of a corpus folder: one `.npz` file for each source.

A file has all its series end to end in `values`, where each starts and ends in
`offsets`, and for each its `season`, `season2` (0 for none) and `name`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.split import is_held_out


@dataclass(frozen=True)
class HeldOut:
    source: str
    name: str
    values: np.ndarray
    season_length: int
    second_season: int = 0

    @property
    def family(self) -> str:
        """What it shares with the series that were published together with it."""
        return f"{self.source}/{self.name.split('.')[0]}"

    @property
    def zeros(self) -> float:
        return float(np.mean(self.values == 0.0))


def held_out(folder: Path) -> Iterator[HeldOut]:
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"no .npz files in {folder}")
    for path in paths:
        with np.load(path) as arrays:
            values, offsets = arrays["values"].astype(np.float64), arrays["offsets"]
            seasons = zip(arrays["season"].tolist(), arrays["season2"].tolist(), strict=True)
            names = arrays["name"].tolist()
        for i, (name, (season, second)) in enumerate(zip(names, seasons, strict=True)):
            if is_held_out(path.stem, name, season):
                own = values[offsets[i] : offsets[i + 1]]
                # Names were cut to a length, so that some are no longer unique.
                yield HeldOut(path.stem, f"{name}#{i}", own, season, second)
