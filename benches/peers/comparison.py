"""Puts each peer beside Almanac: checks its answers, then measures the two in turn."""

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
from running import AnswerError, Running, Setting, running_peer

CLIENTS = (1, 16, 64, 256)
# Of the largest expected number of an answer, as golden forecasts are compared.
TOLERANCE = 1e-4
# The least warm-up of a slice, and the longest that is waited for a slow server.
WARM_SECONDS = 1.0
LONGEST_WARM_SECONDS = 30.0
# Below this share of a core a server has worked off what its last clients left behind.
SETTLED_SHARE = 0.4
# What uses more than this with nothing to do would slow down another server on its core.
IDLE_SHARE = 0.05


@dataclass
class Outcome:
    """What became of one server. `reason` says why it has no points, or not all.

    `busy_idle` is the share of the core that a peer uses with nothing to do, where that is over
    `IDLE_SHARE`: then Almanac was measured after the peer was stopped, not beside it.
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
    """A peer's forecasts are not Almanac's."""


def say(text: str) -> None:
    """Progress, which is not part of the result."""
    print(text, file=sys.stderr, flush=True)


def answers(running: Running, bodies: Sequence[bytes]) -> list[np.ndarray]:
    """One answer for each body: first one by one, then all at once, which fills batches.

    The last are given, for a batcher that mixes answers up does so only then.
    """
    for body in bodies[:3]:
        running.ask(body)
    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(running.ask, bodies))


def difference(got: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The largest distance of a number, relative to the largest expected one of its answer."""
    worst = 0.0
    for mine, theirs in zip(got, expected, strict=True):
        if mine.shape != theirs.shape:
            raise DisagreementError(f"an answer of shape {mine.shape} instead of {theirs.shape}")
        worst = max(worst, float(np.abs(mine - theirs).max() / np.abs(theirs).max()))
    return worst


def warm_seconds(slices: Sequence[Slice], clients: int) -> float:
    """Longer than an answer takes when all clients ask at once, as far as is known before."""
    rate = max((one.per_second for one in slices), default=0.0)
    answer = clients / rate if rate else 0.0
    return min(LONGEST_WARM_SECONDS, max(WARM_SECONDS, 1.5 * answer))


def settle(running: Running) -> float:
    """Waits until the server has nothing left to do; gives the share of a core it uses then."""
    running.server.settle(SETTLED_SHARE)
    return running.server.settle(IDLE_SHARE, window_seconds=0.5, limit=3.0)


def measure(
    running: Running,
    bodies: Sequence[bytes],
    clients: int,
    warm: float,
    arguments: argparse.Namespace,
) -> Slice:
    """One closed loop, and what it cost the server, warm-up included."""
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
    """Almanac, which runs all the time, and the peers that are put beside it one by one."""

    def __init__(self, almanac: Running, arguments: argparse.Namespace):
        self.almanac = almanac
        self.arguments = arguments
        self.bodies = forecast_bodies(1)
        self.expected = answers(almanac, self.bodies)
        # All of Almanac's slices so far.
        self._own: list[Slice] = []

    def try_peer(self, peer: Peer, setting: Setting) -> Outcome:
        """What becomes of one peer, whatever happens."""
        outcome = Outcome(
            peer.name, versions(peer.folder, peer.packages), peer.request_path, peer.batching
        )
        say(f"{peer.name}: starting")
        begin = time.monotonic()
        try:
            with running_peer(peer, setting) as running:
                outcome.start_seconds = time.monotonic() - begin
                self._check(running, outcome)
                self._measure_pairs(running, outcome)
        except (SetupError, ServerError, AnswerError, DisagreementError, load.LoadError) as error:
            outcome.reason = str(error)
            say(f"  {type(error).__name__}: {error}")
        try:
            for idx, pair in enumerate(outcome.pairs):
                outcome.pairs[idx] = self._completed(pair)
        except load.LoadError as error:
            outcome.reason = outcome.reason or str(error)
        outcome.points = points(outcome.pairs)
        return outcome

    def _check(self, running: Running, outcome: Outcome) -> None:
        """Excludes a peer whose forecasts are not Almanac's."""
        got = answers(running, self.bodies)
        outcome.worst_difference = difference(got, self.expected)
        if outcome.worst_difference > TOLERANCE:
            raise DisagreementError(f"answers differ by {outcome.worst_difference:.2g}")

    def _measure_pairs(self, running: Running, outcome: Outcome) -> None:
        """Every pair of a peer that runs; those that have to wait for its end lack Almanac."""
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
                own = None if outcome.busy_idle else self._measure_almanac(clients)
                outcome.pairs.append(Pair(clients, found, own))
                say(f"  {clients} clients, round {idx}: {told(outcome.pairs[-1])}")

    def _completed(self, pair: Pair) -> Pair:
        """The pair with Almanac measured now, where it was not beside the peer."""
        if pair.almanac is not None:
            return pair
        completed = dataclasses.replace(pair, almanac=self._measure_almanac(pair.clients))
        say(f"  {pair.clients} clients, after its end: {told(completed)}")
        return completed

    def _measure_almanac(self, clients: int) -> Slice:
        warm = warm_seconds(self._own, clients)
        found = measure(self.almanac, self.bodies, clients, warm, self.arguments)
        self._own.append(found)
        self.almanac.server.settle(IDLE_SHARE)
        return found


def told(pair: Pair) -> str:
    """A pair as progress."""
    text = f"{pair.peer.per_second:.0f}/s, p99 {pair.peer.p99_ms} ms"
    if pair.almanac is None:
        return text
    return f"{text}; Almanac {pair.almanac.per_second:.0f}/s, p99 {pair.almanac.p99_ms} ms"
