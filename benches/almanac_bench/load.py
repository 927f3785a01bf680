"""Load on a server, from generators that others trust: closed loops by wrk, open ones by h2load.

A closed loop has a fixed number of clients, each of which waits for its answer before it asks
again: it finds what a server can do. An open loop sends at a fixed rate whatever the server does,
as the world does: it shows what happens beyond that.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .process import pinned

LUA = Path(__file__).with_name("wrk.lua")
RESULT_MARK = "RESULT "


class LoadError(Exception):
    """A load generator failed; the message is what it said."""


@dataclass(frozen=True)
class Latency:
    """How long some answers took, in milliseconds."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class Result:
    """What one load found.

    `ok_per_second` counts only answers with a 2xx status. `statuses` has the number of answers by
    status; `errors` are requests without any answer: refused or broken connections, time-outs.
    `latency` is of the 2xx answers. `refused` is of those with 429 or 503: only the open loop can
    tell them apart, and it is None where there were none.
    """

    seconds: float
    ok_per_second: float
    statuses: dict[str, int]
    errors: int
    latency: Latency | None
    refused: Latency | None = None

    @property
    def ok(self) -> int:
        """Answers with a 2xx status."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))

    @property
    def failed(self) -> int:
        """Requests without an answer, or with one that is neither 2xx nor a refusal."""
        good = sum(self.statuses.get(status, 0) for status in ("429", "503"))
        return self.errors + sum(self.statuses.values()) - self.ok - good


def closed(
    url: str,
    bodies: list[bytes],
    *,
    connections: int,
    seconds: float,
    cores: str,
    content_type: str = "application/json",
) -> Result:
    """Posts `bodies` in turn from `connections` clients, by wrk in one thread on `cores`.

    Latency is from when a request is written to when its answer is whole. wrk cannot tell the
    latency of one status from that of another, so it is None when any answer was not 2xx.
    """
    with tempfile.TemporaryDirectory(prefix="almanac-bench-") as folder:
        for idx, body in enumerate(bodies, start=1):
            (Path(folder) / f"{idx}").write_bytes(body)
        # wrk takes whole seconds only.
        command = ["wrk", "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{max(1, round(seconds))}s", "--timeout", "60s"]
        command += ["--script", str(LUA), url, "--", folder, str(len(bodies)), content_type]
        output = _run(pinned(command, cores), seconds + 90)
    return parse_wrk(output)


def parse_wrk(output: str) -> Result:
    """Reads the line that `wrk.lua` prints at the end."""
    lines = [line for line in output.splitlines() if line.startswith(RESULT_MARK)]
    if not lines:
        raise LoadError(f"wrk printed no result:\n{output}")
    found = json.loads(lines[-1].removeprefix(RESULT_MARK))
    statuses = {str(status): int(count) for status, count in found["statuses"].items()}
    ok = sum(count for status, count in statuses.items() if status.startswith("2"))
    latency = None
    if ok and ok == sum(statuses.values()):
        milliseconds = {key: found[key] / 1000 for key in ("p50", "p90", "p99", "p999", "max")}
        latency = Latency(ok, **{f"{key}_ms": value for key, value in milliseconds.items()})
    seconds = found["duration_us"] / 1e6
    return Result(seconds, ok / seconds, statuses, int(found["errors"]), latency)


def _run(command: list[str], seconds: float) -> str:
    """The output of `command`, which is ended if it takes longer than `seconds`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise LoadError(f"{command[3]} did not end within {seconds:g} s") from late
    if done.returncode != 0:
        raise LoadError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def open_loop(
    url: str,
    bodies: list[bytes],
    *,
    rate: float,
    seconds: float,
    connections: int,
    cores: str,
) -> Result:
    """Posts at `rate` requests a second, whatever the server does, over `connections`.

    Latency is from when a request was due, not from when it could be sent.
    """
    raise NotImplementedError
