"""The same model and the same requests through Almanac and its peers, one after another.

Each server is held to one core and the load generator to another. A peer is measured only after its
answers agree with Almanac's. Results go to a JSON file, a Markdown table and a plot.

Examples:
  benches/peers/run
  benches/peers/run --only mosec,pytriton --quick
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from almanac_bench import load
from almanac_bench.bodies import forecast_bodies
from almanac_bench.process import ServerError
from almanac_bench.report import write
from catalogue import PEERS, Peer
from environments import SetupError, versions
from running import AnswerError, Running, Setting, running_almanac, running_peer
from summary import draw, markdown

CLIENTS = (1, 16, 64, 256)
# Of the largest expected number of an answer, as golden forecasts are compared.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Point:
    """What one number of clients found."""

    clients: int
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    statuses: dict[str, int]
    cpu_ms_per_request: float | None
    rss_mib: float
    pss_mib: float


@dataclass
class Outcome:
    """What became of one server. `reason` says why it has no points."""

    name: str
    versions: dict[str, str]
    request_path: str
    batching: str
    reason: str | None = None
    start_seconds: float | None = None
    worst_difference: float | None = None
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


def warm_seconds(points: Sequence[Point], clients: int, seconds: float) -> float:
    """Longer than an answer takes when all clients ask at once, as far as is known before."""
    rate = max((point.per_second for point in points), default=0.0)
    return min(30.0, max(min(2.0, seconds), 1.5 * clients / rate if rate else 0.0))


def settle(running: Running, limit: float = 30.0) -> None:
    """Waits until the server has worked off what the last clients left behind."""
    end = time.monotonic() + limit
    before = running.server.cpu_seconds()
    while time.monotonic() < end:
        time.sleep(0.25)
        now = running.server.cpu_seconds()
        # Some peers are never quite idle.
        if now - before < 0.1:
            return
        before = now


def measure(
    running: Running,
    bodies: Sequence[bytes],
    clients: int,
    warm: float,
    arguments: argparse.Namespace,
) -> Point:
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
    rss_mib, pss_mib = running.server.rss_mib(), running.server.pss_mib()
    settle(running)
    latency = result.latency
    return Point(
        clients=clients,
        per_second=result.ok_per_second,
        p50_ms=latency.p50_ms if latency else None,
        p99_ms=latency.p99_ms if latency else None,
        errors=result.errors + sum(result.statuses.values()) - result.ok,
        statuses=result.statuses,
        cpu_ms_per_request=1000 * spent / result.ok if result.ok else None,
        rss_mib=rss_mib,
        pss_mib=pss_mib,
    )


def try_server(
    outcome: Outcome,
    starting: AbstractContextManager[Running],
    bodies: Sequence[bytes],
    expected: Sequence[np.ndarray] | None,
    arguments: argparse.Namespace,
) -> list[np.ndarray]:
    """Fills `outcome`, whatever happens, and gives the server's answers."""
    got: list[np.ndarray] = []
    say(f"{outcome.name}: starting")
    begin = time.monotonic()
    try:
        with starting as running:
            outcome.start_seconds = time.monotonic() - begin
            got = answers(running, bodies)
            outcome.worst_difference = difference(got, expected or got)
            if outcome.worst_difference > TOLERANCE:
                raise DisagreementError(f"answers differ by {outcome.worst_difference:.2g}")
            for clients in CLIENTS:
                warm = warm_seconds(outcome.points, clients, arguments.seconds)
                point = measure(running, bodies, clients, warm, arguments)
                outcome.points.append(point)
                say(f"  {clients} clients: {point.per_second:.0f}/s, p99 {point.p99_ms} ms")
    except (SetupError, ServerError, AnswerError, DisagreementError, load.LoadError) as error:
        outcome.reason = str(error)
        say(f"  {type(error).__name__}: {error}")
    return got


def compare(
    peers: Sequence[Peer], arguments: argparse.Namespace, setting: Setting
) -> list[Outcome]:
    """Almanac first, for its answers are what the others are held to."""
    bodies = forecast_bodies(1)
    almanac = Outcome("almanac", {"almanac": arguments.version}, "Rust", "by itself")
    expected = try_server(
        almanac, running_almanac(arguments.binary, setting), bodies, None, arguments
    )
    outcomes = [almanac]
    if not expected:
        raise SystemExit("Almanac itself does not answer, so nothing can be compared")
    for peer in peers:
        outcome = Outcome(
            peer.name, versions(peer.folder, peer.packages), peer.request_path, peer.batching
        )
        starting = running_peer(peer, setting)
        try_server(outcome, starting, bodies, expected, arguments)
        outcomes.append(outcome)
    return outcomes


def chosen(names: str | None) -> list[Peer]:
    """The peers named with commas between, or all."""
    if names is None:
        return list(PEERS)
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise SystemExit(f"no peer {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def parse_arguments() -> argparse.Namespace:
    """What `run` passes on; it fills in the paths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="peers to run, with commas between")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one measurement")
    parser.add_argument("--binary", type=Path, required=True, help="the almanac to measure")
    parser.add_argument("--version", required=True, help="what the binary calls itself")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a model version")
    parser.add_argument("--uv", type=Path, required=True, help="installs the peers")
    parser.add_argument("--cache", type=Path, required=True, help="where environments are kept")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--server-core", default="0")
    parser.add_argument("--load-core", default="1")
    return parser.parse_args()


def main() -> None:
    """Runs the comparison and writes peers.json, peers.md and peers.svg."""
    arguments = parse_arguments()
    peers = chosen(arguments.only)
    logs = arguments.output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        bundle=arguments.bundle.resolve(),
        server_core=arguments.server_core,
        uv=arguments.uv,
        cache=arguments.cache,
        logs=logs,
    )
    outcomes = compare(peers, arguments, setting)
    results = {
        "model": setting.bundle.parent.name,
        "seconds": arguments.seconds,
        "machine": {"system": platform.platform(), "processor": processor()},
        "servers": [asdict(outcome) for outcome in outcomes],
    }
    write(arguments.output / "peers.json", results)
    text = markdown(results)
    (arguments.output / "peers.md").write_text(text)
    draw(results, arguments.output / "peers.svg")
    print(text)


def processor() -> str:
    """The model name of the first core, as Linux has it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
