"""Statistics of pairs: a slice of a peer, and the slice of Almanac right after it.

The speed of a core varies by the second on a shared machine, so only slices of one pair are divided
by each other. A point, one number of clients, summarizes its pairs by medians.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from almanac_bench.spread import spread


@dataclass(frozen=True)
class Slice:
    """The measurements of one closed loop. Latency is None unless all responses were 2xx."""

    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    statuses: dict[str, int]
    cpu_ms_per_request: float | None
    rss_mib: float
    pss_mib: float


@dataclass(frozen=True)
class Pair:
    """A peer and Almanac with the same clients; `almanac` is None if it was not measured."""

    clients: int
    peer: Slice
    almanac: Slice | None

    @property
    def ratio(self) -> float | None:
        """The throughput of Almanac divided by that of the peer."""
        if self.almanac is None or not self.peer.per_second:
            return None
        return self.almanac.per_second / self.peer.per_second


@dataclass(frozen=True)
class Point:
    """Medians of the pairs with one number of clients, and the sum of their errors.

    `ratio` is the median of the pairs, and `almanac_p99_ms` that of Almanac's latency in them.
    """

    clients: int
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    cpu_ms_per_request: float | None
    rss_mib: float
    pss_mib: float
    ratio: float | None
    almanac_p99_ms: float | None


@dataclass(frozen=True)
class Standing:
    """In how many pairs Almanac was ahead, of those that can be compared."""

    pairs: int
    more_answers: int
    pairs_with_latency: int
    lower_p99: int


def points(pairs: Sequence[Pair]) -> list[Point]:
    """Return a point for each number of clients, ascending."""
    by_clients = groupby(sorted(pairs, key=lambda pair: pair.clients), lambda pair: pair.clients)
    return [_point(clients, list(group)) for clients, group in by_clients]


def almanac_points(pairs: Iterable[Pair]) -> list[Point]:
    """Return Almanac's own points, from all its slices with any peer."""
    almanac_pairs = [
        Pair(pair.clients, pair.almanac, pair.almanac) for pair in pairs if pair.almanac is not None
    ]
    return points(almanac_pairs)


def standing(pairs: Iterable[Pair]) -> Standing:
    """Count the pairs in which Almanac is ahead."""
    ratios, p99s = [], []
    for pair in pairs:
        if pair.ratio is not None:
            ratios.append(pair.ratio)
        if pair.almanac and pair.almanac.p99_ms is not None and pair.peer.p99_ms is not None:
            p99s.append((pair.almanac.p99_ms, pair.peer.p99_ms))
    return Standing(
        pairs=len(ratios),
        more_answers=sum(ratio > 1 for ratio in ratios),
        pairs_with_latency=len(p99s),
        lower_p99=sum(almanac < other for almanac, other in p99s),
    )


def _point(clients: int, pairs: list[Pair]) -> Point:
    peers = [pair.peer for pair in pairs]
    return Point(
        clients=clients,
        per_second=_median(one.per_second for one in peers) or 0.0,
        p50_ms=_median(one.p50_ms for one in peers),
        p99_ms=_median(one.p99_ms for one in peers),
        errors=sum(one.errors for one in peers),
        cpu_ms_per_request=_median(one.cpu_ms_per_request for one in peers),
        rss_mib=_median(one.rss_mib for one in peers) or 0.0,
        pss_mib=_median(one.pss_mib for one in peers) or 0.0,
        ratio=_median(pair.ratio for pair in pairs),
        almanac_p99_ms=_median(pair.almanac.p99_ms for pair in pairs if pair.almanac),
    )


def _median(values: Iterable[float | None]) -> float | None:
    found = spread(values)
    return found.median if found else None
