"""The parts of the measurement, each of which returns plain numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass

from almanac_bench import load
from almanac_bench.bodies import forecast_bodies
from almanac_bench.process import Server, free_port
from almanac_bench.results import Result
from plan import DEADLINE_SECONDS, OVERLOAD_CONNECTIONS, OVERLOAD_QUEUE_STEPS, Setup


@dataclass(frozen=True)
class Loop:
    """A closed loop: so many clients, each with requests of so many series."""

    clients: int
    series: int
    series_per_second: float
    result: Result
    # Processor time of the server over time: near 1 when its core is what limits.
    server_cpu: float


@dataclass(frozen=True)
class Memory:
    """Resident memory in MiB: without a request yet, after all loops, after the last one again."""

    idle: float
    loaded: float
    again: float


def server(setup: Setup, name: str, *arguments: str) -> Server:
    """Almanac with the model as its default, on the server's core."""
    port = free_port()
    command = [str(setup.binary), "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--models", str(setup.bundle.parent.parent), "--default-model", setup.model]
    command += ["--log-level", "warn", "--drain-delay", "0s", *arguments]
    return Server(
        command,
        url=f"http://127.0.0.1:{port}",
        cores=setup.server_core,
        env=None,
        cwd=None,
        ready_path="/readyz",
        log=setup.logs / f"{setup.model}-{name}.log",
    )


def idle_cpu(running: Server, seconds: float) -> float:
    """Which share of a core the server uses when nobody asks anything."""
    time.sleep(0.5)
    before, started = running.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (running.cpu_seconds() - before) / (time.monotonic() - started)


def closed_loop(
    setup: Setup, running: Server, *, clients: int, series: int, expected_rate: float
) -> Loop:
    """One closed loop, long enough for several answers to each client."""
    plan = setup.plan
    answer = clients * series / expected_rate
    warm = max(plan.warm_seconds, 2 * answer)
    before, started = running.cpu_seconds(), time.monotonic()
    result = load.closed(
        running.url + "/forecast",
        forecast_bodies(series),
        connections=clients,
        seconds=max(plan.load_seconds, plan.answers_seen * answer),
        warm_seconds=warm,
        cores=setup.load_core,
    )
    used = (running.cpu_seconds() - before) / (time.monotonic() - started)
    return Loop(clients, series, result.ok_per_second * series, result, used)


def overload(setup: Setup, rate: float) -> Result:
    """An open loop at `rate`, against a server of its own with a short queue."""
    arguments = ["--queue-steps", str(OVERLOAD_QUEUE_STEPS)]
    arguments += ["--request-timeout", f"{DEADLINE_SECONDS:g}s"]
    arguments += ["--max-connections", str(2 * OVERLOAD_CONNECTIONS)]
    with server(setup, "overload", *arguments) as running:
        url, bodies = running.url + "/forecast", forecast_bodies(1)
        load.closed(url, bodies, connections=16, seconds=1, warm_seconds=0, cores=setup.load_core)
        return load.open_loop(
            url,
            bodies,
            rate=rate,
            seconds=setup.plan.overload_seconds,
            connections=OVERLOAD_CONNECTIONS,
            cores=setup.load_core,
            deadline_seconds=DEADLINE_SECONDS,
        )
