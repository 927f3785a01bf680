"""What was found for one model."""

from __future__ import annotations

from dataclasses import dataclass

from almanac_bench.results import Result
from bare_loop import Bare
from phases import Loop, Memory


@dataclass(frozen=True)
class Measured:
    """All parts of one model's measurement. `bare` is the mean of the loops before and after."""

    model: str
    bare: list[Bare]
    drift: float
    loops: list[Loop]
    overload_rate: float
    overload: Result
    idle_cpu: float
    memory: Memory

    def loop(self, series: int, clients: int) -> Loop:
        """The loop with so many clients, each with requests of `series` series."""
        return next(loop for loop in self.loops if (loop.series, loop.clients) == (series, clients))

    def best_rate(self, series: int) -> float:
        """Series a second at saturation, with requests of `series` series."""
        return max(loop.series_per_second for loop in self.loops if loop.series == series)

    def failures(self) -> int:
        """Requests that got no answer, or one that is neither 2xx nor a refusal."""
        return self.overload.failed + sum(loop.result.failed for loop in self.loops)
