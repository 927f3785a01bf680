"""The yardstick: what ONNX Runtime alone does on the server's core."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from almanac_bench.process import pinned

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# The curve is run through so often, for the core may be slow for the length of one pass.
PASSES = 3


@dataclass(frozen=True)
class Bare:
    """The bare loop with one batch size."""

    batch: int
    series_per_second: float
    p50_ms: float
    p99_ms: float
    # Processor time over time: below 1 when something else took the core.
    cpu_share: float = 1.0


@dataclass(frozen=True)
class BareSlice:
    """The bare loop for a moment, with batches of one and with its best batch size."""

    single: Bare
    best: Bare


def curve(program: Path, bundle: Path, *, core: str, seconds: float) -> list[Bare]:
    """Every batch size, `seconds` for each in several passes; of each its fastest pass."""
    batches = BATCHES * PASSES
    return fastest(_run(program, bundle, batches, core=core, seconds=seconds / PASSES))


def measure_slice(
    program: Path, bundle: Path, best_batch: int, *, core: str, seconds: float
) -> BareSlice:
    """`seconds` for each of the two batch sizes."""
    batches = (1, best_batch)
    single, best_loop = _run(program, bundle, batches, core=core, seconds=seconds)
    return BareSlice(single, best_loop)


def parse(output: str) -> list[Bare]:
    """Reads the JSON that benches/bare.rs prints."""
    return [
        Bare(
            found["batch"],
            found["series_per_second"],
            found["p50_us"] / 1000,
            found["p99_us"] / 1000,
            found["cpu_share"] or 1.0,
        )
        for found in json.loads(output)["batches"]
    ]


def fastest(passes: Iterable[Bare]) -> list[Bare]:
    """For each batch size the pass that had the most of the core, in the order of the sizes."""
    found: dict[int, Bare] = {}
    for one in passes:
        known = found.get(one.batch)
        if known is None or one.series_per_second > known.series_per_second:
            found[one.batch] = one
    return [found[batch] for batch in sorted(found)]


def best(loop: list[Bare]) -> Bare:
    """The batch size with the most series a second."""
    return max(loop, key=lambda one: one.series_per_second)


def _run(
    program: Path, bundle: Path, batches: tuple[int, ...], *, core: str, seconds: float
) -> list[Bare]:
    """Runs benches/bare.rs, `seconds` for each of `batches`."""
    command = [str(program), "--bundle", str(bundle), "--seconds", f"{seconds:.3f}"]
    command += ["--batches", ",".join(str(batch) for batch in batches)]
    done = subprocess.run(
        pinned(command, core),
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed:\n{done.stderr}")
    return parse(done.stdout)
