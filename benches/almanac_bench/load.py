"""Closed loops, by wrk: a fixed number of clients, each of which waits for its response.

They measure the capacity of a server. Its behaviour beyond that is measured by an open loop, which
sends at a fixed rate regardless of the server: `open_loop`, a module of its own, re-exported here.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from .open_loop import open_loop
from .process import pinned
from .results import Latency, LoadError, Result

__all__ = ["Latency", "LoadError", "Result", "closed", "open_loop", "parse_wrk"]

LUA = Path(__file__).with_name("wrk.lua")
RESULT_MARK = "RESULT "


def closed(
    url: str,
    bodies: list[bytes],
    *,
    connections: int,
    seconds: float,
    cores: str,
    content_type: str = "application/json",
    warm_seconds: float = 1.0,
) -> Result:
    """Post `bodies` in turn from `connections` clients, by wrk in one thread on `cores`.

    The rate is that of the last `seconds`. The preceding `warm_seconds` are excluded, because all
    clients start at the same moment; they should cover at least the time of a response. Latency is
    measured from writing a request to its complete response, warm-up included. wrk does not record
    latency by status, so it is None if any response was not 2xx.
    """
    # wrk accepts whole seconds only.
    whole_seconds = max(1, round(seconds + warm_seconds))
    with tempfile.TemporaryDirectory(prefix="almanac-bench-") as folder:
        for idx, body in enumerate(bodies, start=1):
            (Path(folder) / str(idx)).write_bytes(body)
        command = ["wrk", "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{whole_seconds}s", "--timeout", "60s"]
        command += ["--script", str(LUA), url, "--", folder, str(len(bodies)), content_type]
        output = _run(pinned([*command, str(warm_seconds)], cores), seconds + 90)
    return parse_wrk(output)


def parse_wrk(output: str) -> Result:
    """Parse the line that `wrk.lua` prints at the end."""
    lines = [line for line in output.splitlines() if line.startswith(RESULT_MARK)]
    if not lines:
        raise LoadError(f"wrk printed no result:\n{output}")
    found = json.loads(lines[-1].removeprefix(RESULT_MARK))
    statuses = {str(status): int(count) for status, count in found["statuses"].items()}
    ok = sum(count for status, count in statuses.items() if status.startswith("2"))
    latency = None
    if ok and ok == sum(statuses.values()):
        keys = ("p50", "p90", "p99", "p999", "max")
        latency = Latency(ok, **{f"{key}_ms": found[key] / 1000 for key in keys})
    # The measured time begins with the first counted response, which is therefore not part of it.
    seconds = found["counted_seconds"]
    rate = max(0, found["counted"] - 1) / seconds if seconds > 0 else 0.0
    return Result(seconds, rate, statuses, int(found["errors"]), latency)


def _run(command: list[str], seconds: float) -> str:
    """Run `command` and return its output; it is killed after `seconds`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise LoadError(f"{command[3]} did not finish within {seconds:g} s") from late
    if done.returncode != 0:
        raise LoadError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
