"""Summary statistics of rounds: median and spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """One value per round: their median, quartiles and maximum.

    Quartiles, because a neighbour on the machine that starts or stops within a round spoils that
    round only.
    """

    median: float
    low: float
    high: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarize at least one value."""
        found = list(values)
        if len(found) == 1:
            return cls(*found * 4)
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(median, low, high, max(found))

    @property
    def quartile_deviation(self) -> float:
        """Half the interquartile range."""
        return (self.high - self.low) / 2

    def quartiles(self, spec: str) -> str:
        """Return the lower and the upper quartile, each as `format(value, spec)`."""
        return f"{self.low:{spec}} to {self.high:{spec}}"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Summarize the rounds that have a value; None if none has."""
    found = [value for value in values if value is not None]
    return Spread.of(found) if found else None
