"""Statistics of rounds: each compares adjacent slices.

The speed of a core varies by the second on a shared machine. Therefore the server is measured in
slices of a few seconds, each between two slices of what it is compared with, and only such
neighbours are divided by each other. Results are the median and the spread of these ratios.
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
    # CPU time of the server over wall time: near 1 if its core is the bottleneck.
    server_cpu: float
    after: BareSlice

    @property
    def of_best(self) -> float:
        """Throughput relative to the bare loop with its best batch size."""
        return self.series_per_second / _mean_rate(self.before.best, self.after.best)

    @property
    def of_single(self) -> float:
        """Throughput relative to the bare loop with batches of one."""
        return self.series_per_second / _mean_rate(self.before.single, self.after.single)

    @property
    def of_best_by_processor(self) -> float | None:
        """`of_best` per CPU time on both sides, independent of other processes on the core."""
        if not self.server_cpu:
            return None
        bare = [
            one.series_per_second / one.cpu_share for one in (self.before.best, self.after.best)
        ]
        return self.series_per_second / self.server_cpu / (sum(bare) / 2)

    def latency(self, key: str) -> float | None:
        """Return `key` of the latency, such as `p99_ms`; None unless all responses were 2xx."""
        return _of_latency(self.result.latency, key)

    def added(self, key: str) -> float | None:
        """Return the server's addition to `p50_ms` or `p99_ms` of a run with one series."""
        bare = (getattr(self.before.single, key) + getattr(self.after.single, key)) / 2
        latency = self.latency(key)
        return None if latency is None else latency - bare


@dataclass(frozen=True)
class Loop:
    """A closed loop with a number of clients and of series per request, in rounds."""

    clients: int
    series: int
    rounds: list[Round]

    @property
    def rate(self) -> Spread:
        """Series per second."""
        return Spread.of(one.series_per_second for one in self.rounds)

    @property
    def of_best(self) -> Spread:
        """Throughput relative to the bare loop with its best batch size."""
        return Spread.of(one.of_best for one in self.rounds)

    @property
    def of_single(self) -> Spread:
        """Throughput relative to the bare loop with batches of one."""
        return Spread.of(one.of_single for one in self.rounds)

    @property
    def of_best_by_processor(self) -> Spread | None:
        """`of_best` per CPU time."""
        return spread(one.of_best_by_processor for one in self.rounds)

    @property
    def server_cpu(self) -> Spread:
        """Share of its core that the server used."""
        return Spread.of(one.server_cpu for one in self.rounds)

    @property
    def failed(self) -> int:
        """The number of requests of all rounds with neither a 2xx response nor a refusal."""
        return sum(one.result.failed for one in self.rounds)

    def latency(self, key: str) -> Spread | None:
        """Return `key` of the latency, such as `p99_ms`, by round."""
        return spread(one.latency(key) for one in self.rounds)

    def added(self, key: str) -> Spread | None:
        """Return the addition to `p50_ms` or `p99_ms` of a run with one series, by round."""
        return spread(one.added(key) for one in self.rounds)


@dataclass(frozen=True)
class OverloadRound:
    """An open loop at `rate` requests per second, and the closed loops before and after it."""

    before: Result
    rate: float
    result: Result
    after: Result

    @property
    def goodput(self) -> float:
        """2xx responses per second, relative to the closed loops."""
        saturation = (self.before.ok_per_second + self.after.ok_per_second) / 2
        return self.result.ok_per_second / saturation


@dataclass(frozen=True)
class Overload:
    """An open loop above the capacity, in rounds; the closed loops have `clients`."""

    clients: int
    rounds: list[OverloadRound]

    @property
    def goodput(self) -> Spread:
        """2xx responses, relative to saturation."""
        return Spread.of(one.goodput for one in self.rounds)

    @property
    def refused_share(self) -> Spread:
        """Responses with 429, relative to all responses."""
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
        """The number of refusals in the closed loops, which are no measure of saturation then."""
        statuses = [loop.statuses for loop in self.closed]
        return sum(each.get("429", 0) + each.get("503", 0) for each in statuses)

    @property
    def failed(self) -> int:
        """The number of requests with neither a 2xx response nor a refusal, in all loops."""
        return sum(result.failed for result in [*self.closed, *self.results])

    @property
    def results(self) -> list[Result]:
        """The open loops."""
        return [one.result for one in self.rounds]

    @property
    def late(self) -> int:
        """The number of 2xx responses of all rounds that exceeded the deadline."""
        return sum(one.result.late for one in self.rounds)

    def refused(self, key: str) -> Spread | None:
        """Return `key` of the refusals' latency, by round; `max_ms` is the slowest of a round."""
        return spread(_of_latency(one.result.refused, key) for one in self.rounds)


def _mean_rate(one: Bare, other: Bare) -> float:
    return (one.series_per_second + other.series_per_second) / 2


def _of_latency(latency: Latency | None, key: str) -> float | None:
    return None if latency is None else getattr(latency, key)
