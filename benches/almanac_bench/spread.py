"""Rounds in a few numbers: their median, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """One number of each round: their median, the quartiles around it, and the greatest.

    Quartiles, for a neighbour of the machine that comes or goes within a round spoils it, and tells
    nothing of the others.
    """

    median: float
    low: float
    high: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one number."""
        found = list(values)
        if len(found) == 1:
            return cls(*found * 4)
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(median, low, high, max(found))

    @property
    def quartile_deviation(self) -> float:
        """Half the distance between the quartiles."""
        return (self.high - self.low) / 2

    def quartiles(self, spec: str) -> str:
        """The lower and the upper, each as `format(value, spec)`."""
        return f"{self.low:{spec}} to {self.high:{spec}}"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the rounds that found a number; None where none did."""
    found = [value for value in values if value is not None]
    return Spread.of(found) if found else None
