"""Pairs, comparison and summary of the peers."""

import argparse
import contextlib
from dataclasses import asdict

import numpy as np
import pytest

import comparison
from almanac_bench.results import LoadError
from catalogue import PEERS
from comparison import CLIENTS, Comparison, Outcome, warm_seconds
from pairs import Pair, Slice, almanac_points, points, standing
from summary import draw, markdown

PEER = PEERS[0]


def one_slice(rate, p99=10.0, **more):
    fields = {
        **{"per_second": rate, "p50_ms": p99 and p99 / 2, "p99_ms": p99, "errors": 0},
        **{"statuses": {"200": 100}, "cpu_ms_per_request": 1.0, "rss_mib": 60.0, "pss_mib": 50.0},
    }
    return Slice(**{**fields, **more})


def pair(clients, peer, almanac, **more):
    return Pair(clients, one_slice(peer, **more), one_slice(almanac, p99=4.0))


def test_ratios_are_of_pairs_whatever_the_machine_does_between():
    # The core is half as fast in the second pair, and disturbed in Almanac's half of the third.
    (point,) = points([pair(16, 1000, 5000), pair(16, 500, 2500), pair(16, 1000, 1500)])
    assert point.ratio == 5.0
    # Not the ratio of the medians, whose slices are not adjacent.
    assert point.per_second == 1000
    assert (point.p99_ms, point.almanac_p99_ms) == (10.0, 4.0)


def test_points_are_by_clients_with_all_their_errors():
    found = points([pair(64, 10, 20), pair(1, 5, 10, errors=2), pair(1, 7, 10, errors=1)])
    assert [(point.clients, point.per_second, point.errors) for point in found] == [
        (1, 6, 3),
        (64, 10, 0),
    ]


def test_missing_measurements_are_skipped():
    alone = Pair(1, one_slice(100, p99=None), None)
    (point,) = points([alone, pair(1, 200, 600, p99=8.0)])
    assert (point.per_second, point.p99_ms, point.ratio) == (150, 8.0, 3.0)
    (point,) = points([alone])
    assert (point.p99_ms, point.ratio, point.almanac_p99_ms) == (None, None, None)
    assert pair(1, 0.0, 100).ratio is None


def test_almanac_has_the_medians_of_all_its_slices():
    found = almanac_points([pair(1, 1, 100), pair(1, 2, 300), pair(1, 3, 120), pair(16, 1, 900)])
    assert [(point.clients, point.per_second, point.ratio) for point in found] == [
        (1, 120, 1.0),
        (16, 900, 1.0),
    ]
    assert almanac_points([Pair(1, one_slice(1), None)]) == []


def test_standing_counts_pairs():
    found = standing(
        [
            pair(1, 100, 200),
            pair(1, 100, 90),
            pair(1, 100, 200, p99=3.0),
            pair(1, 100, 200, p99=None),
            Pair(1, one_slice(1), None),
        ]
    )
    assert (found.pairs, found.more_answers) == (4, 3)
    assert (found.pairs_with_latency, found.lower_p99) == (3, 2)


def test_warm_up_is_longer_than_an_answer():
    assert warm_seconds([], 256) == 1.0
    assert warm_seconds([one_slice(1000), one_slice(2000)], 256) == 1.0
    assert warm_seconds([one_slice(80), one_slice(64)], 256) == pytest.approx(4.8)
    assert warm_seconds([one_slice(1)], 256) == 30.0


class Machine:
    """Simulates servers: records the measurements and when a peer stops."""

    def __init__(self, monkeypatch, *, idle_shares=(), fail_after=None):
        self.events = []
        self._idle_shares = iter(idle_shares)
        self._peer = self._server()
        self._fail_after = fail_after
        monkeypatch.setattr(comparison, "running_peer", self._running_peer)
        monkeypatch.setattr(comparison, "forecasts", lambda *_: [np.ones((3, 12))])
        monkeypatch.setattr(comparison, "measure", self._measure)
        monkeypatch.setattr(comparison, "settle", lambda _: next(self._idle_shares, 0.0))

    @contextlib.contextmanager
    def _running_peer(self, peer, setting):
        yield self._peer
        self.events.append(("end", None))

    def _server(self):
        return argparse.Namespace(server=argparse.Namespace(settle=lambda share: 0.0))

    def _measure(self, running, bodies, clients, warm, arguments):
        if len(self.events) == self._fail_after:
            raise LoadError("wrk failed")
        who = "peer" if running is self._peer else "almanac"
        self.events.append((who, clients))
        return one_slice(100.0 if who == "peer" else 300.0)

    def outcome(self, rounds):
        arguments = argparse.Namespace(rounds=rounds, seconds=2.0)
        return Comparison(self._server(), arguments).try_peer(PEER, None)


def test_almanac_comes_right_after_each_slice_of_a_peer(monkeypatch):
    machine = Machine(monkeypatch)
    outcome = machine.outcome(rounds=2)
    expected = [(who, count) for count in CLIENTS for who in ("peer", "almanac") * 2]
    assert machine.events == [*expected, ("end", None)]
    assert [point.ratio for point in outcome.points] == [3.0] * len(CLIENTS)
    assert (outcome.reason, outcome.busy_idle) == (None, None)


def test_almanac_is_measured_after_a_peer_that_is_never_idle(monkeypatch):
    machine = Machine(monkeypatch, idle_shares=[0.01, 0.2])
    outcome = machine.outcome(rounds=1)
    first, second, third, fourth = CLIENTS
    assert machine.events == [
        *[("peer", first), ("almanac", first), ("peer", second), ("peer", third)],
        *[("peer", fourth), ("end", None)],
        *[("almanac", second), ("almanac", third), ("almanac", fourth)],
    ]
    assert outcome.busy_idle == 0.2
    assert [point.ratio for point in outcome.points] == [3.0] * len(CLIENTS)


def test_a_peer_that_fails_keeps_its_pairs(monkeypatch):
    outcome = Machine(monkeypatch, fail_after=2).outcome(rounds=1)
    assert outcome.reason == "wrk failed"
    assert [point.clients for point in outcome.points] == [CLIENTS[0]]


def test_completed_pairs_are_kept_when_almanac_fails(monkeypatch):
    # Four slices of the peer, its end, and one of Almanac.
    outcome = Machine(monkeypatch, idle_shares=[0.2], fail_after=6).outcome(rounds=1)
    assert outcome.reason == "wrk failed"
    assert [point.ratio for point in outcome.points] == [3.0, None, None, None]


def test_a_peer_that_disagrees_is_not_measured(monkeypatch):
    machine = Machine(monkeypatch)
    returned = iter([[np.ones((3, 12))], [np.full((3, 12), 1.001)]])
    monkeypatch.setattr(comparison, "forecasts", lambda *_: next(returned))
    outcome = machine.outcome(rounds=1)
    assert "differ by 0.001" in outcome.reason
    assert (outcome.points, machine.events) == ([], [])


def results(*outcomes):
    pairs = [pair for outcome in outcomes for pair in outcome.pairs]
    own = Outcome("almanac", {"almanac": "1"}, "Rust", "by itself", points=almanac_points(pairs))
    return {
        **{"model": "network", "seconds": 2.0, "rounds": 1, "standing": asdict(standing(pairs))},
        "servers": [asdict(outcome) for outcome in (own, *outcomes)],
    }


def outcome(name, pairs, **more):
    return Outcome(name, {name: "1"}, "Python", "none", pairs=pairs, points=points(pairs), **more)


def test_the_summary_reports_pairs_and_exceptions(tmp_path):
    found = results(
        outcome("quick", [pair(1, 100, 250), pair(16, 500, 2000, p99=3.0)]),
        outcome("restless", [pair(1, 10, 300)], busy_idle=0.12),
        outcome("broken", [], reason="no such file\nat line 3"),
    )
    text = markdown(found)
    # The table of best points comes first, then that of all points.
    best, first, _ = [line for line in text.splitlines() if line.startswith("| quick")]
    assert "| 4.0x" in best
    assert [cell.strip() for cell in first.split("|")[2:8]] == [
        *["1", "100", "2.5x", "5.0", "10.0", "4.0"],
    ]
    assert "more answers in 3 of 3 pairs, and has the lower p99 in 2 of 3." in text
    assert "- restless: 12% of its core" in text
    assert "- broken: no such file\n" in text
    draw(found, tmp_path / "peers.svg")
    assert "restless" in (tmp_path / "peers.svg").read_text()
