"""Measures Almanac against the bare ONNX Runtime loop. Started by benches/serving/run."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

import bare_loop
import picture
from almanac_bench import network, report
from bars import bars
from measured import Measured
from phases import Loop, Memory, closed_loop, idle_cpu, overload, server
from plan import FULL, OVERLOAD_FACTOR, QUICK, Setup
from tables import tables, verdicts

MODELS = ("seasonal", "network")


def main() -> None:
    arguments = parse_arguments()
    found = []
    for model in [arguments.model] if arguments.model else MODELS:
        found.append(measure(setup_of(model, arguments)))
        print(tables(found[-1]), end="\n\n", flush=True)
    print(verdicts(found))
    results = {
        "machine": platform.platform(),
        "quick": arguments.quick,
        "models": found,
        "bars": [{**vars(bar), "met": bar.met} for one in found for bar in bars(one)],
    }
    report.write(arguments.output / "serving.json", results)
    picture.draw(found, arguments.output / "serving.svg")
    print(f"\nwritten: {arguments.output}/serving.json and serving.svg", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, help="one of them instead of both")
    parser.add_argument("--quick", action="store_true", help="short times")
    parser.add_argument("--server-core", default="0", help="core of the server")
    parser.add_argument("--load-core", default="1", help="core of the load generators")
    parser.add_argument("--binary", type=Path, required=True, help="the almanac program")
    parser.add_argument("--bare", type=Path, required=True, help="the program of benches/bare.rs")
    parser.add_argument("--seasonal", type=Path, required=True, help="the bundle of seasonal")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    return parser.parse_args()


def setup_of(model: str, arguments: argparse.Namespace) -> Setup:
    """Where everything is for one model; makes the network's bundle."""
    logs = arguments.output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    if model == network.NAME:
        bundle = network.write(arguments.output / "models")
    else:
        bundle = arguments.seasonal
    return Setup(
        model=model,
        bundle=bundle,
        binary=arguments.binary,
        bare=arguments.bare,
        server_core=arguments.server_core,
        load_core=arguments.load_core,
        logs=logs,
        plan=QUICK if arguments.quick else FULL,
    )


def measure(setup: Setup) -> Measured:
    """All parts for one model, the bare loop before and after them."""
    plan = setup.plan
    say(setup, "bare loop")
    before = bare_loop.measure(
        setup.bare, setup.bundle, core=setup.server_core, seconds=plan.bare_seconds
    )
    loops, idle, memory = closed_loops(setup, bare_loop.best(before).series_per_second)
    saturation = max(loop.series_per_second for loop in loops if loop.series == 1)
    rate = OVERLOAD_FACTOR * saturation
    say(setup, f"open loop at {rate:,.0f} requests a second")
    over = overload(setup, rate)
    say(setup, "bare loop again")
    after = bare_loop.measure(
        setup.bare, setup.bundle, core=setup.server_core, seconds=plan.bare_seconds
    )
    return Measured(
        model=setup.model,
        bare=bare_loop.mean(before, after),
        drift=bare_loop.drift(before, after),
        loops=loops,
        overload_rate=rate,
        overload=over,
        idle_cpu=idle,
        memory=memory,
    )


def closed_loops(setup: Setup, expected_rate: float) -> tuple[list[Loop], float, Memory]:
    """Every closed loop against one server, the last of them twice to see whether memory grows."""
    wanted = [
        (series, clients) for series, counts in setup.plan.clients.items() for clients in counts
    ]
    with server(setup, "loops") as running:
        idle_memory = running.rss_mib()
        say(setup, "idle server")
        idle = idle_cpu(running, setup.plan.idle_seconds)
        loops = []
        for series, clients in wanted:
            say(setup, f"{clients} clients, {series} series in a request")
            loops.append(
                closed_loop(
                    setup, running, clients=clients, series=series, expected_rate=expected_rate
                )
            )
        loaded = running.rss_mib()
        series, clients = wanted[-1]
        closed_loop(setup, running, clients=clients, series=series, expected_rate=expected_rate)
        return loops, idle, Memory(idle_memory, loaded, running.rss_mib())


def say(setup: Setup, what: str) -> None:
    print(f"{setup.model}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
