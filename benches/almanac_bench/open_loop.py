"""Open loops, by h2load: requests at a fixed rate, regardless of the server.

h2load of nghttp2 was chosen because it logs status and time of every request, so that successful
responses and refusals can be distinguished, sends tens of thousands of requests per second from one
core, and is packaged for Debian. wrk holds no rate and mixes statuses; k6 needs several times the
CPU time; oha takes minutes to build.

Each of its connections sends at its own fixed pace, one request at a time. The pace of one is
`connections / rate` seconds, so with enough connections none has to wait for a response before it
may send again: every request is sent when it is due, and its latency is measured from that moment.
`Result.held_back` counts the responses that took longer; latency is underestimated by that delay.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from .process import pinned
from .results import Latency, LoadError, Result

# h2load sends a single body; for several bodies, up to this many processes run in parallel.
GENERATORS = 4
REFUSALS = (429, 503)
# Share of the run that is excluded: at the start, connections are opened and queues fill.
WARM_SHARE = 0.2


def open_loop(
    url: str,
    bodies: list[bytes],
    *,
    rate: float,
    seconds: float,
    connections: int,
    cores: str,
    content_type: str = "application/json",
    deadline_seconds: float = math.inf,
) -> Result:
    """Post `bodies` at `rate` requests per second over `connections`, from `cores`.

    Each body has a process of its own. Use a single body if tail latency matters: several processes
    on one core wait for each other, milliseconds at a time, which shows as slow responses.
    """
    bodies = bodies[:GENERATORS]
    share = max(1, connections // len(bodies))
    pace = share * len(bodies) / rate
    sends = max(2, round(seconds / pace))
    with tempfile.TemporaryDirectory(prefix="almanac-bench-") as name:
        folder = Path(name)
        started = []
        for idx, body in enumerate(bodies):
            (folder / f"body-{idx}").write_bytes(body)
            command = [
                *["h2load", "--h1", "--threads=1", f"--clients={share}"],
                *[f"--requests={share * sends}", f"--rps={1 / pace:.6f}"],
                *stagger(share / pace),
                *[f"--data={folder / f'body-{idx}'}", f"--log-file={folder / f'log-{idx}'}"],
                *[f"--header=content-type: {content_type}", url],
            ]
            started.append(_start(pinned(command, cores), folder / f"output-{idx}"))
        _wait(started, seconds * 2 + 60, folder)
        logs = [(folder / f"log-{idx}").read_text() for idx in range(len(bodies))]
    return parse_logs(logs, pace, deadline_seconds)


def stagger(per_second: float) -> list[str]:
    """Return arguments that open `per_second` connections per second, to spread their requests."""
    period_ms = max(1, round(1000 / per_second))
    return [
        f"--rate={max(1, round(per_second * period_ms / 1000))}",
        f"--rate-period={period_ms}ms",
    ]


def parse_logs(logs: list[str], pace: float, deadline_seconds: float = math.inf) -> Result:
    """Parse h2load's logs: start in us, status or -1, duration in us per line."""
    text = "".join(logs)
    if not text.strip():
        raise LoadError("h2load logged no request")
    rows = np.array([line.split()[:3] for line in text.splitlines()], dtype=np.int64)
    begin, status, took = rows.T
    first, last = begin.min(), begin.max()
    warm = first + (last - first) * WARM_SHARE
    is_ok = (status >= 200) & (status < 300)
    window = (last - warm) / 1e6
    # By time of response, so that requests still queued at the end of the window do not count.
    counted = is_ok & (begin + took >= warm) & (begin + took <= last)
    statuses, counts = np.unique(status[status > 0], return_counts=True)
    return Result(
        seconds=float(window),
        ok_per_second=float(counted.sum() / window) if window > 0 else 0.0,
        statuses={str(code): int(n) for code, n in zip(statuses, counts, strict=True)},
        errors=int((status <= 0).sum()),
        latency=latency_of(took[is_ok]),
        refused=latency_of(took[np.isin(status, REFUSALS)]),
        sent_per_second=float((len(rows) - 1) / (last - first) * 1e6) if last > first else 0.0,
        held_back=int((took > pace * 1e6).sum()),
        late=int((took[is_ok] > deadline_seconds * 1e6).sum()),
    )


def latency_of(took_us: np.ndarray) -> Latency | None:
    """Return nearest-rank percentiles: each is the time of an actual response."""
    if len(took_us) == 0:
        return None
    ranks = np.percentile(took_us, [50, 90, 99, 99.9, 100], method="inverted_cdf") / 1000
    return Latency(len(took_us), *(float(rank) for rank in ranks))


def _start(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)


def _wait(started: list[subprocess.Popen[bytes]], seconds: float, folder: Path) -> None:
    """Wait until all processes have ended; kill those that are still running after `seconds`."""
    end = time.monotonic() + seconds
    try:
        for process in started:
            process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired as late:
        raise LoadError(f"h2load did not finish within {seconds:g} s") from late
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    if any(process.returncode != 0 for process in started):
        outputs = [path.read_text(errors="replace") for path in sorted(folder.glob("output-*"))]
        raise LoadError("h2load failed:\n" + "\n".join(outputs))
