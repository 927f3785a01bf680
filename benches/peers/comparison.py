"""Comparison of a peer with Almanac: checks its forecasts, then measures the two in turn."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from almanac_bench import load
from almanac_bench.bodies import forecast_bodies
from almanac_bench.process import ServerError
from catalogue import Peer
from environments import SetupError, versions
from pairs import Pair, Point, Slice, points
from running import ResponseError, Running, Setting, running_peer

CLIENTS = (1, 16, 64, 256)
# Relative to the largest expected value of a forecast, as for golden forecasts.
TOLERANCE = 1e-4
# The shortest warm-up of a slice, and the longest, for slow servers.
WARM_SECONDS = 1.0
LONGEST_WARM_SECONDS = 30.0
# At or below this share of a core, a server has finished the work of its last clients.
SETTLED_SHARE = 0.4
# An idle server that uses more than this would slow down another server on its core.
IDLE_SHARE = 0.05


@dataclass
class Outcome:
    """The result for one server. `reason` states why its points are missing or incomplete.

    `busy_idle` is the share of the core that an idle peer uses, if it exceeds `IDLE_SHARE`: then
    Almanac was measured after the peer had been stopped.
    """

    name: str
    versions: dict[str, str]
    request_path: str
    batching: str
    reason: str | None = None
    start_seconds: float | None = None
    worst_difference: float | None = None
    busy_idle: float | None = None
    pairs: list[Pair] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


class DisagreementError(Exception):
    """A peer's forecasts differ from Almanac's."""


def log_progress(text: str) -> None:
    """Print progress to standard error, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def forecasts(running: Running, bodies: Sequence[bytes]) -> list[np.ndarray]:
    """Return one forecast per body: first one by one, then concurrently, which fills batches.

    The concurrent ones are returned, since a batcher would mix up responses only then.
    """
    for body in bodies[:3]:
        running.forecast(body)
    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(running.forecast, bodies))


def difference(got: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Return the largest difference, relative to the largest expected value of each forecast."""
    worst = 0.0
    for mine, theirs in zip(got, expected, strict=True):
        if mine.shape != theirs.shape:
            raise DisagreementError(f"forecast has shape {mine.shape}, expected {theirs.shape}")
        worst = max(worst, float(np.abs(mine - theirs).max() / np.abs(theirs).max()))
    return worst


def warm_seconds(slices: Sequence[Slice], clients: int) -> float:
    """Return a warm-up longer than a response with all clients, as far as the rate is known."""
    rate = max((one.per_second for one in slices), default=0.0)
    response = clients / rate if rate else 0.0
    return min(LONGEST_WARM_SECONDS, max(WARM_SECONDS, 1.5 * response))


def settle(running: Running) -> float:
    """Wait until the server has no work left; return the share of a core that it still uses."""
    running.server.settle(SETTLED_SHARE)
    return running.server.settle(IDLE_SHARE, window_seconds=0.5, limit=3.0)


def measure(
    running: Running,
    bodies: Sequence[bytes],
    clients: int,
    warm: float,
    arguments: argparse.Namespace,
) -> Slice:
    """Run one closed loop and measure the resources of the server, warm-up included."""
    before = running.server.cpu_seconds()
    result = load.closed(
        running.url,
        [running.envelope.request(body) for body in bodies],
        connections=clients,
        seconds=arguments.seconds,
        cores=arguments.load_core,
        content_type="application/json",
        warm_seconds=warm,
    )
    spent = running.server.cpu_seconds() - before
    latency = result.latency
    return Slice(
        per_second=result.ok_per_second,
        p50_ms=latency.p50_ms if latency else None,
        p99_ms=latency.p99_ms if latency else None,
        errors=result.errors + sum(result.statuses.values()) - result.ok,
        statuses=result.statuses,
        cpu_ms_per_request=1000 * spent / result.ok if result.ok else None,
        rss_mib=running.server.rss_mib(),
        pss_mib=running.server.pss_mib(),
    )


class Comparison:
    """Almanac, which runs all the time, and the peers that are measured next to it in turn."""

    def __init__(self, almanac: Running, arguments: argparse.Namespace):
        self.almanac = almanac
        self.arguments = arguments
        self.bodies = forecast_bodies(1)
        self.expected = forecasts(almanac, self.bodies)
        # All slices of Almanac so far.
        self._own: list[Slice] = []

    def try_peer(self, peer: Peer, setting: Setting) -> Outcome:
        """Measure one peer; failures are recorded in the outcome."""
        outcome = Outcome(
            peer.name, versions(peer.folder, peer.packages), peer.request_path, peer.batching
        )
        log_progress(f"{peer.name}: starting")
        begin = time.monotonic()
        try:
            with running_peer(peer, setting) as running:
                outcome.start_seconds = time.monotonic() - begin
                self._check(running, outcome)
                self._measure_pairs(running, outcome)
        except (SetupError, ServerError, ResponseError, DisagreementError, load.LoadError) as error:
            outcome.reason = str(error)
            log_progress(f"  {type(error).__name__}: {error}")
        try:
            for idx, pair in enumerate(outcome.pairs):
                outcome.pairs[idx] = self._completed(pair)
        except load.LoadError as error:
            outcome.reason = outcome.reason or str(error)
        outcome.points = points(outcome.pairs)
        return outcome

    def _check(self, running: Running, outcome: Outcome) -> None:
        """Raise an error if the peer's forecasts differ from Almanac's."""
        got = forecasts(running, self.bodies)
        outcome.worst_difference = difference(got, self.expected)
        if outcome.worst_difference > TOLERANCE:
            raise DisagreementError(f"forecasts differ by {outcome.worst_difference:.2g}")

    def _measure_pairs(self, running: Running, outcome: Outcome) -> None:
        """Measure all pairs; if the peer is busy when idle, Almanac is measured later."""
        slices: list[Slice] = []
        for clients in CLIENTS:
            for idx in range(1, self.arguments.rounds + 1):
                warm = warm_seconds(slices, clients)
                found = measure(running, self.bodies, clients, warm, self.arguments)
                slices.append(found)
                if outcome.busy_idle is None:
                    share = settle(running)
                    outcome.busy_idle = share if share > IDLE_SHARE else None
                else:
                    running.server.settle(SETTLED_SHARE)
                almanac = None if outcome.busy_idle else self._measure_almanac(clients)
                outcome.pairs.append(Pair(clients, found, almanac))
                log_progress(f"  {clients} clients, round {idx}: {describe(outcome.pairs[-1])}")

    def _completed(self, pair: Pair) -> Pair:
        """Return the pair with Almanac measured now, if it was not measured next to the peer."""
        if pair.almanac is not None:
            return pair
        completed = dataclasses.replace(pair, almanac=self._measure_almanac(pair.clients))
        log_progress(f"  {pair.clients} clients, after the peer: {describe(completed)}")
        return completed

    def _measure_almanac(self, clients: int) -> Slice:
        warm = warm_seconds(self._own, clients)
        found = measure(self.almanac, self.bodies, clients, warm, self.arguments)
        self._own.append(found)
        self.almanac.server.settle(IDLE_SHARE)
        return found


def describe(pair: Pair) -> str:
    """Return a pair as one line of progress."""
    text = f"{pair.peer.per_second:.0f}/s, p99 {pair.peer.p99_ms} ms"
    if pair.almanac is None:
        return text
    return f"{text}; Almanac {pair.almanac.per_second:.0f}/s, p99 {pair.almanac.p99_ms} ms"
