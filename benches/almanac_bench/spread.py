"""Rounds in a few numbers: their median, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """One number of each round: their median, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one number."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    @property
    def half_range(self) -> float:
        """How far a round may lie from the middle of all."""
        return (self.high - self.low) / 2

    def range(self, spec: str) -> str:
        """The least and the greatest, each as `format(value, spec)`."""
        return f"{self.low:{spec}} to {self.high:{spec}}"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the rounds that found a number; None where none did."""
    found = [value for value in values if value is not None]
    return Spread.of(found) if found else None
