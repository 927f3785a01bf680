"""The results of one model."""

from __future__ import annotations

from dataclasses import dataclass

from almanac_bench.spread import Spread
from bare_loop import Bare, BareSlice
from phases import Memory
from rounds import Loop, Overload


@dataclass(frozen=True)
class Measured:
    """All measurements of one model. `bare` is the whole curve, measured before anything else."""

    model: str
    bare: list[Bare]
    loops: list[Loop]
    overload: Overload
    idle_cpu: float
    memory: Memory

    def loop(self, series: int, clients: int) -> Loop:
        """Return the loop with the given numbers of series per request and of clients."""
        return next(loop for loop in self.loops if (loop.series, loop.clients) == (series, clients))

    def saturated(self, series: int) -> Loop:
        """Return the loop with the largest share, among those with `series` series per request."""
        return saturated(self.loops, series)

    @property
    def bare_best(self) -> Spread:
        """The bare loop with its best batch size, in all slices between those of the server."""
        return Spread.of(one.best.series_per_second for one in self._slices)

    @property
    def bare_single(self) -> Spread:
        """The bare loop with batches of one, in the same slices."""
        return Spread.of(one.single.series_per_second for one in self._slices)

    @property
    def _slices(self) -> list[BareSlice]:
        return [
            one
            for loop in self.loops
            for one in [loop.rounds[0].before, *(each.after for each in loop.rounds)]
        ]

    def shares(self) -> list[Spread]:
        """Return the ratios that bars are about, by round."""
        return [
            self.saturated(1).of_best,
            self.saturated(100).of_best,
            self.loop(1, 1).of_single,
            self.overload.goodput,
        ]

    def failures(self) -> int:
        """Return the number of requests without a response, or with neither 2xx nor a refusal."""
        return self.overload.failed + sum(loop.failed for loop in self.loops)


def saturated(loops: list[Loop], series: int) -> Loop:
    """Return the loop with the largest share, among those with `series` series per request."""
    return max(
        (loop for loop in loops if loop.series == series), key=lambda loop: loop.of_best.median
    )
