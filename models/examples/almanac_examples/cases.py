"""Series that exports are compared on: ordinary ones, and what a manifest gets wrong first."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PASSENGERS = Path(__file__).resolve().parents[3] / "examples" / "air_passengers.csv"


@dataclass(frozen=True)
class Case:
    """A request whose answer is compared. None is a missing value."""

    name: str
    values: Sequence[float | None]
    horizon: int
    season_length: int = 1
    # With a calendar the case is asked over HTTP only: golden.json knows none.
    start: str | None = None
    frequency: str | None = None
    # By name: as long as the values; that and the horizon; one number or category.
    past: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    future: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    static: Mapping[str, float | str] = field(default_factory=dict)

    def array(self) -> np.ndarray:
        """The values as float64, NaN where missing."""
        return np.array(self.values, dtype=np.float64)

    def covariates(self) -> dict[str, dict]:
        """As a request has them; empty when there is none."""
        kinds = {"past": self.past, "future": self.future, "static": self.static}
        return {kind: dict(named) for kind, named in kinds.items() if named}

    def known(self, name: str) -> np.ndarray:
        """A past or future covariate as float64, NaN where missing."""
        named = self.future if name in self.future else self.past
        return np.array(named[name], dtype=np.float64)


def passengers() -> list[float]:
    """Monthly airline passengers, 1949 to 1960: trend and season, 144 values."""
    with PASSENGERS.open() as rows:
        return [float(row["passengers"]) for row in csv.DictReader(rows)]


def made_up(length: int, season: int = 24, level: float = 0.0, seed: int = 1) -> list[float]:
    """A season, a slow wave and noise around `level`, in thousandths."""
    steps = np.arange(length)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, length)
    values = (
        level + 10.0 * np.sin(2.0 * np.pi * steps / season) + 5.0 * np.sin(steps / 150.0) + noise
    )
    return [round(float(value), 3) for value in values]


def price(length: int, seed: int = 1) -> list[float]:
    """What a shop knows ahead: a price that changes at times, in tenths."""
    changes = np.random.default_rng(seed).integers(0, 8, length)
    return [
        round(10.0 - 0.5 * float(change) * (step % 9 < 3), 1) for step, change in enumerate(changes)
    ]


def visitors(length: int, seed: int = 1) -> list[float]:
    """What a shop counts and knows of the past alone."""
    return [round(300.0 + 4.0 * value, 1) for value in made_up(length, 12, seed=seed + 100)]


def sales(length: int, level: float = 100.0, seed: int = 1) -> list[float]:
    """Sales that answer to `price` and `visitors` of the same seed."""
    base = made_up(length, 12, level, seed)
    known = zip(base, price(length, seed), visitors(length, seed), strict=True)
    return [round(value - 3.0 * (p - 9.0) + 0.02 * v, 3) for value, p, v in known]


def with_gaps(values: Sequence[float]) -> list[float | None]:
    """Missing at the head, one alone, a run of seven, and the last value."""
    gaps = {0, 1, len(values) // 3, len(values) - 1, *range(len(values) // 2, len(values) // 2 + 7)}
    return [None if step in gaps else value for step, value in enumerate(values)]


def standard(
    horizon: int,
    most: int,
    longest: int | None = None,
    gaps: bool = True,
    least: int = 5,
) -> list[Case]:
    """The cases of a model that gives `horizon` steps in a run and sees at most `most` values.

    `longest` adds a forecast that is rolled out to so many steps; `gaps` says whether the package
    takes missing values, `least` how short a series it takes.
    """
    monthly = passengers()
    few = min(12, horizon)
    cases = [
        Case("air passengers", monthly, few, 12),
        Case("a whole run", monthly, horizon, 12),
        Case("short", monthly[: max(least, 5)], few, 12),
        Case("longer than the context", made_up(most + 300), few, 24),
        Case("around zero", made_up(max(200, least)), few, 24),
        Case("large numbers", made_up(max(200, least), level=1e6, seed=2), few, 24),
    ]
    if gaps:
        cases.append(Case("missing values", with_gaps(monthly), few, 12))
        cases.append(Case("missing values around zero", with_gaps(made_up(200)), horizon, 24))
    if longest is not None:
        cases.append(Case("beyond one run", monthly, longest, 12))
        if gaps:
            cases.append(Case("beyond one run, with gaps", with_gaps(made_up(300)), longest, 24))
    return cases
