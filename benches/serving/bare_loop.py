"""The yardstick: what ONNX Runtime alone does on the server's core, before and after the server."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from almanac_bench.process import pinned


@dataclass(frozen=True)
class Bare:
    """The bare loop with one batch size."""

    batch: int
    series_per_second: float
    p50_ms: float
    p99_ms: float
    # Processor time over time: below 1 when something else took the core.
    cpu_share: float = 1.0


def measure(program: Path, bundle: Path, *, core: str, seconds: float) -> list[Bare]:
    """Runs benches/bare.rs with its own batch sizes, `seconds` for each."""
    command = [str(program), "--bundle", str(bundle), "--seconds", f"{seconds}"]
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


def mean(before: list[Bare], after: list[Bare]) -> list[Bare]:
    """The middle of two runs: what the machine did, on average, while the server ran between."""
    return [
        Bare(
            one.batch,
            (one.series_per_second + other.series_per_second) / 2,
            (one.p50_ms + other.p50_ms) / 2,
            (one.p99_ms + other.p99_ms) / 2,
            (one.cpu_share + other.cpu_share) / 2,
        )
        for one, other in zip(before, after, strict=True)
    ]


def best(loop: list[Bare]) -> Bare:
    """The batch size with the most series a second."""
    return max(loop, key=lambda one: one.series_per_second)


def best_per_processor_second(loop: list[Bare]) -> float:
    """The most series in a second of the processor, whoever else had the core meanwhile."""
    return max(one.series_per_second / one.cpu_share for one in loop)


def drift(before: list[Bare], after: list[Bare]) -> float:
    """By which share the best batch size became faster, or slower when negative."""
    batch = best(before).batch
    later = next(one for one in after if one.batch == batch)
    return later.series_per_second / best(before).series_per_second - 1
