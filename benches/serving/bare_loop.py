"""The baseline: ONNX Runtime alone on the server's core."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from almanac_bench.process import pinned

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Number of passes over the batch sizes, since the core may be slow during a single one.
PASSES = 3


@dataclass(frozen=True)
class Bare:
    """A measurement of the bare loop with one batch size."""

    batch: int
    series_per_second: float
    p50_ms: float
    p99_ms: float
    # CPU time over wall time: below 1 if another process used the core.
    cpu_share: float = 1.0


@dataclass(frozen=True)
class BareSlice:
    """A short measurement of the bare loop, with batches of one and with its best batch size."""

    single: Bare
    best: Bare


def curve(program: Path, bundle: Path, *, core: str, seconds: float) -> list[Bare]:
    """Measure every batch size for `seconds` in several passes; return the fastest of each."""
    batches = BATCHES * PASSES
    return fastest(_run(program, bundle, batches, core=core, seconds=seconds / PASSES))


def measure_slice(
    program: Path, bundle: Path, best_batch: int, *, core: str, seconds: float
) -> BareSlice:
    """Measure each of the two batch sizes for `seconds`."""
    batches = (1, best_batch)
    single, best_loop = _run(program, bundle, batches, core=core, seconds=seconds)
    return BareSlice(single, best_loop)


def parse(output: str) -> list[Bare]:
    """Parse the JSON that benches/bare.rs prints."""
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
    """Return the fastest pass of each batch size, in the order of the sizes."""
    found: dict[int, Bare] = {}
    for one in passes:
        known = found.get(one.batch)
        if known is None or one.series_per_second > known.series_per_second:
            found[one.batch] = one
    return [found[batch] for batch in sorted(found)]


def best(loop: list[Bare]) -> Bare:
    """Return the batch size with the highest throughput."""
    return max(loop, key=lambda one: one.series_per_second)


def _run(
    program: Path, bundle: Path, batches: tuple[int, ...], *, core: str, seconds: float
) -> list[Bare]:
    """Run benches/bare.rs, `seconds` for each of `batches`."""
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
