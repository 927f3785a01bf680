"""The arithmetic of rounds: each compares moments that lie side by side.

The speed of a core changes by the second on a shared machine. So the server is measured in slices
of a few seconds, each between two of what it is compared with, and only such neighbours are divided
by each other. What is told is the median of these ratios, and how far they lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from almanac_bench.results import Latency, Result
from almanac_bench.spread import Spread, spread
from bare_loop import Bare, BareSlice


@dataclass(frozen=True)
class Round:
    """A slice of a closed loop, and the slices of the bare loop before and after it."""

    before: BareSlice
    series_per_second: float
    result: Result
    # Processor time of the server over time: near 1 when its core is what limits.
    server_cpu: float
    after: BareSlice

    @property
    def of_best(self) -> float:
        """Series a second, of what the bare loop had with its best batch size."""
        return self.series_per_second / _mean_rate(self.before.best, self.after.best)

    @property
    def of_single(self) -> float:
        """Series a second, of what the bare loop had with batches of one."""
        return self.series_per_second / _mean_rate(self.before.single, self.after.single)

    @property
    def of_best_by_processor(self) -> float | None:
        """`of_best` with both sides by processor time, whoever else had the core meanwhile."""
        if not self.server_cpu:
            return None
        bare = [
            one.series_per_second / one.cpu_share for one in (self.before.best, self.after.best)
        ]
        return self.series_per_second / self.server_cpu / (sum(bare) / 2)

    def latency(self, key: str) -> float | None:
        """`key` of the answers' latency, such as `p99_ms`; None if not every answer was 2xx."""
        return _of_latency(self.result.latency, key)

    def added(self, key: str) -> float | None:
        """What the server adds to `p50_ms` or `p99_ms` of a run with one series."""
        bare = (getattr(self.before.single, key) + getattr(self.after.single, key)) / 2
        latency = self.latency(key)
        return None if latency is None else latency - bare


@dataclass(frozen=True)
class Loop:
    """A closed loop: so many clients, each with requests of so many series, in rounds."""

    clients: int
    series: int
    rounds: list[Round]

    @property
    def rate(self) -> Spread:
        """Series a second."""
        return Spread.of(one.series_per_second for one in self.rounds)

    @property
    def of_best(self) -> Spread:
        """Share of the bare loop with its best batch size."""
        return Spread.of(one.of_best for one in self.rounds)

    @property
    def of_single(self) -> Spread:
        """Share of the bare loop with batches of one."""
        return Spread.of(one.of_single for one in self.rounds)

    @property
    def of_best_by_processor(self) -> Spread | None:
        """The same as `of_best`, by processor time."""
        return spread(one.of_best_by_processor for one in self.rounds)

    @property
    def server_cpu(self) -> Spread:
        """Share of its core that the server used."""
        return Spread.of(one.server_cpu for one in self.rounds)

    @property
    def failed(self) -> int:
        """Requests of all rounds that got neither a 2xx answer nor a refusal."""
        return sum(one.result.failed for one in self.rounds)

    def latency(self, key: str) -> Spread | None:
        """`key` of the latency, such as `p99_ms`, by round."""
        return spread(one.latency(key) for one in self.rounds)

    def added(self, key: str) -> Spread | None:
        """What the server adds to `p50_ms` or `p99_ms` of a run with one series, by round."""
        return spread(one.added(key) for one in self.rounds)


@dataclass(frozen=True)
class OverloadRound:
    """An open loop at `rate` requests a second, and the closed loops before and after it."""

    before: Result
    rate: float
    result: Result
    after: Result

    @property
    def goodput(self) -> float:
        """2xx answers a second, of what the closed loops had."""
        saturation = (self.before.ok_per_second + self.after.ok_per_second) / 2
        return self.result.ok_per_second / saturation


@dataclass(frozen=True)
class Overload:
    """More requests than can be answered, in rounds; the closed loops have `clients`."""

    clients: int
    rounds: list[OverloadRound]

    @property
    def goodput(self) -> Spread:
        """2xx answers, of saturation."""
        return Spread.of(one.goodput for one in self.rounds)

    @property
    def refused_share(self) -> Spread:
        """Answers with 429, of all answers."""
        return Spread.of(
            one.result.statuses.get("429", 0) / max(1, sum(one.result.statuses.values()))
            for one in self.rounds
        )

    @property
    def closed(self) -> list[Result]:
        """The closed loops: one before the first round, and one after each."""
        return [self.rounds[0].before, *(one.after for one in self.rounds)]

    @property
    def refused_at_saturation(self) -> int:
        """Refusals in the closed loops: with any, these are no measure of saturation."""
        statuses = [loop.statuses for loop in self.closed]
        return sum(each.get("429", 0) + each.get("503", 0) for each in statuses)

    @property
    def failed(self) -> int:
        """Requests that got neither a 2xx answer nor a refusal, the closed loops included."""
        return sum(result.failed for result in [*self.closed, *self.results])

    @property
    def results(self) -> list[Result]:
        """The open loops."""
        return [one.result for one in self.rounds]

    @property
    def late(self) -> int:
        """2xx answers of all rounds that came after the deadline."""
        return sum(one.result.late for one in self.rounds)

    def refused(self, key: str) -> Spread | None:
        """`key` of the refusals' latency, by round; `max_ms` is the slowest of a round."""
        return spread(_of_latency(one.result.refused, key) for one in self.rounds)


def _mean_rate(one: Bare, other: Bare) -> float:
    return (one.series_per_second + other.series_per_second) / 2


def _of_latency(latency: Latency | None, key: str) -> float | None:
    return None if latency is None else getattr(latency, key)
