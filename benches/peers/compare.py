"""Compares Almanac and its peers with the same model and the same requests.

Each server is pinned to one core and the load generator to another. A peer is measured only after
its forecasts agree with Almanac's, and each of its slices is followed by one of Almanac, which is
idle in the meantime. Writes a JSON file, a Markdown table and a plot.
Examples:
  benches/peers/run
  benches/peers/run --only mosec,pytriton --quick
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from almanac_bench.process import ServerError
from almanac_bench.report import write
from catalogue import PEERS, Peer
from comparison import Comparison, Outcome, log_progress
from pairs import almanac_points, standing
from running import ResponseError, Setting, running_almanac
from summary import draw, markdown


def compare(
    peers: Sequence[Peer], arguments: argparse.Namespace, setting: Setting
) -> list[Outcome]:
    """Measure every peer in turn, with Almanac running all the time."""
    almanac_outcome = Outcome("almanac", {"almanac": arguments.version}, "Rust", "by itself")
    log_progress("almanac: starting")
    begin = time.monotonic()
    try:
        with running_almanac(arguments.binary, setting) as almanac:
            almanac_outcome.start_seconds = time.monotonic() - begin
            comparison = Comparison(almanac, arguments)
            outcomes = [comparison.try_peer(peer, setting) for peer in peers]
    except (ServerError, ResponseError) as error:
        raise SystemExit(f"almanac does not respond: {error}") from error
    almanac_outcome.points = almanac_points(pair for outcome in outcomes for pair in outcome.pairs)
    return [almanac_outcome, *outcomes]


def select(names: str | None) -> list[Peer]:
    """Return the peers with the given comma-separated names, or all."""
    if names is None:
        return list(PEERS)
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise SystemExit(f"unknown peer {', '.join(unknown)}; available: {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def parse_arguments() -> argparse.Namespace:
    """Parse the arguments that `run` passes on; it fills in the paths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="comma-separated names of the peers to run")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a slice")
    parser.add_argument("--rounds", type=int, default=3, help="pairs for each number of clients")
    parser.add_argument("--binary", type=Path, required=True, help="almanac executable to measure")
    parser.add_argument("--version", required=True, help="version of the executable")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a model version")
    parser.add_argument("--uv", type=Path, required=True, help="uv executable to install the peers")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the environments")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--server-core", default="0")
    parser.add_argument("--load-core", default="1")
    return parser.parse_args()


def main() -> None:
    """Run the comparison and write peers.json, peers.md and peers.svg."""
    arguments = parse_arguments()
    peers = select(arguments.only)
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
        "rounds": arguments.rounds,
        "machine": {"system": platform.platform(), "processor": processor()},
        "standing": asdict(standing(pair for outcome in outcomes for pair in outcome.pairs)),
        "servers": [asdict(outcome) for outcome in outcomes],
    }
    write(arguments.output / "peers.json", results)
    text = markdown(results)
    (arguments.output / "peers.md").write_text(text)
    draw(results, arguments.output / "peers.svg")
    print(text)


def processor() -> str:
    """Return the model name of the first core, from /proc/cpuinfo."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
