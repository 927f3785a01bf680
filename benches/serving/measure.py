"""Measures Almanac against a bare ONNX Runtime loop. Started by benches/serving/run."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

import bare_loop
import picture
from almanac_bench import network, report
from bars import bars
from measured import Measured, saturated
from phases import closed_loops, log_progress, overload
from plan import FULL, QUICK, Setup
from tables import tables, verdicts

MODELS = ("seasonal", "network")


def main() -> None:
    """Run all measurements, print tables and write serving.json and serving.svg."""
    arguments = parse_arguments()
    found: list[Measured] = []
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
    print(f"\nresults in {arguments.output}/serving.json and serving.svg", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, help="measure this model instead of both")
    parser.add_argument("--quick", action="store_true", help="measure for a short time only")
    parser.add_argument("--server-core", default="0", help="core of the server")
    parser.add_argument("--load-core", default="1", help="core of the load generators")
    parser.add_argument("--binary", type=Path, required=True, help="almanac executable")
    parser.add_argument("--bare", type=Path, required=True, help="executable of benches/bare.rs")
    parser.add_argument("--seasonal", type=Path, required=True, help="bundle of the model seasonal")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    return parser.parse_args()


def setup_of(model: str, arguments: argparse.Namespace) -> Setup:
    """Return the setup for one model; creates the bundle of the network."""
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
    """Run all measurements of one model."""
    log_progress(setup, "bare loop")
    bare = bare_loop.curve(
        setup.bare, setup.bundle, core=setup.server_core, seconds=setup.plan.curve_seconds
    )
    best = bare_loop.best(bare)
    loops, idle, memory = closed_loops(setup, best)
    over = overload(setup, best, saturated(loops, 1).clients)
    return Measured(setup.model, bare, loops, over, idle, memory)


if __name__ == "__main__":
    main()
