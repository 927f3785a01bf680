"""Series that exports are compared on: ordinary ones, and those that expose wrong manifests."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PASSENGERS = Path(__file__).resolve().parents[3] / "examples" / "air_passengers.csv"


@dataclass(frozen=True)
class Case:
    """A request whose forecast is compared. None is a missing value."""

    name: str
    values: Sequence[float | None]
    horizon: int
    season_length: int = 1
    # A case with a calendar is sent over HTTP only: golden.json has no calendar.
    start: str | None = None
    frequency: str | None = None
    # By name. Lengths: that of the values; of values and horizon; a single number or category.
    past: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    future: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    static: Mapping[str, float | str] = field(default_factory=dict)

    def array(self) -> np.ndarray:
        """Return the values as float64, NaN where missing."""
        return np.array(self.values, dtype=np.float64)

    def covariates(self) -> dict[str, dict[str, object]]:
        """Return the covariates as in a request; empty if there are none."""
        kinds: dict[str, Mapping[str, object]] = {
            "past": self.past,
            "future": self.future,
            "static": self.static,
        }
        return {kind: dict(named) for kind, named in kinds.items() if named}

    def number(self, name: str) -> float:
        """Return a static covariate that is a number."""
        return float(self.static[name])

    def category(self, name: str) -> str:
        """Return a static covariate that is a category."""
        return str(self.static[name])

    def known(self, name: str) -> np.ndarray:
        """Return a past or future covariate as float64, NaN where missing."""
        named = self.future if name in self.future else self.past
        return np.array(named[name], dtype=np.float64)


def passengers() -> list[float]:
    """Return monthly airline passengers, 1949 to 1960: trend and season, 144 values."""
    with PASSENGERS.open() as rows:
        return [float(row["passengers"]) for row in csv.DictReader(rows)]


def synthetic(length: int, season: int = 24, level: float = 0.0, seed: int = 1) -> list[float]:
    """Return a season, a slow wave and noise around `level`, rounded to thousandths."""
    steps = np.arange(length)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, length)
    values = (
        level + 10.0 * np.sin(2.0 * np.pi * steps / season) + 5.0 * np.sin(steps / 150.0) + noise
    )
    return [round(float(value), 3) for value in values]


def price(length: int, seed: int = 1) -> list[float]:
    """Return a covariate that is known ahead: a price that changes at times, in tenths."""
    changes = np.random.default_rng(seed).integers(0, 8, length)
    return [
        round(10.0 - 0.5 * float(change) * (step % 9 < 3), 1) for step, change in enumerate(changes)
    ]


def visitors(length: int, seed: int = 1) -> list[float]:
    """Return a covariate that is known for the past only: the number of visitors."""
    return [round(300.0 + 4.0 * value, 1) for value in synthetic(length, 12, seed=seed + 100)]


def sales(length: int, level: float = 100.0, seed: int = 1) -> list[float]:
    """Return sales that depend on `price` and `visitors` of the same seed."""
    base = synthetic(length, 12, level, seed)
    known = zip(base, price(length, seed), visitors(length, seed), strict=True)
    return [round(value - 3.0 * (p - 9.0) + 0.02 * v, 3) for value, p, v in known]


def with_gaps(values: Sequence[float]) -> list[float | None]:
    """Remove values at the head, a single one, a run of seven, and the last one."""
    gaps = {0, 1, len(values) // 3, len(values) - 1, *range(len(values) // 2, len(values) // 2 + 7)}
    return [None if step in gaps else value for step, value in enumerate(values)]


def standard(
    horizon: int,
    context: int,
    long_horizon: int | None = None,
    gaps: bool = True,
    min_length: int = 5,
) -> list[Case]:
    """Return the cases of a model with `horizon` steps per run and a context of `context` values.

    `long_horizon` adds a forecast of that many steps, which takes several runs. `gaps` is true if
    the package accepts missing values, and `min_length` is the length of its shortest series.
    """
    monthly = passengers()
    few = min(12, horizon)
    cases = [
        Case("air passengers", monthly, few, 12),
        Case("a whole run", monthly, horizon, 12),
        Case("short", monthly[: max(min_length, 5)], few, 12),
        Case("longer than the context", synthetic(context + 300), few, 24),
        Case("around zero", synthetic(max(200, min_length)), few, 24),
        Case("large numbers", synthetic(max(200, min_length), level=1e6, seed=2), few, 24),
    ]
    if gaps:
        cases.append(Case("missing values", with_gaps(monthly), few, 12))
        cases.append(Case("missing values around zero", with_gaps(synthetic(200)), horizon, 24))
    if long_horizon is not None:
        cases.append(Case("beyond one run", monthly, long_horizon, 12))
        if gaps:
            cases.append(
                Case("beyond one run, with gaps", with_gaps(synthetic(300)), long_horizon, 24)
            )
    return cases
