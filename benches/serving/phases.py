"""The phases of the measurement, each against one server."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import bare_loop
from almanac_bench import load
from almanac_bench.bodies import forecast_bodies
from almanac_bench.process import Server, free_port
from almanac_bench.results import Result
from bare_loop import Bare, BareSlice
from plan import (
    DEADLINE_SECONDS,
    OVERLOAD_CONNECTIONS,
    OVERLOAD_FACTOR,
    OVERLOAD_QUEUE_STEPS,
    Setup,
)
from rounds import Loop, Overload, OverloadRound, Round

# Share of its core that an idle server may use before the bare loop runs there: a tick or two.
SETTLED_SHARE = 0.2
SETTLED_WINDOW_SECONDS = 0.1


@dataclass(frozen=True)
class Memory:
    """Resident memory in MiB: before the first request, after all loops, after one more slice."""

    idle: float
    loaded: float
    again: float


def server(setup: Setup, name: str, *arguments: str) -> Server:
    """Return Almanac on the server's core, with the model as its default."""
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


def closed_loops(setup: Setup, best: Bare) -> tuple[list[Loop], float, Memory]:
    """Run every closed loop, and a slice of the last again to see whether memory grows."""
    wanted = [
        (series, clients) for series, counts in setup.plan.clients.items() for clients in counts
    ]
    with server(setup, "loops") as running:
        idle_memory = running.rss_mib()
        log_progress(setup, "idle server")
        time.sleep(0.5)
        idle = running.cpu_share(setup.plan.idle_seconds)
        loops = [
            closed_loop(setup, running, best, clients=clients, series=series)
            for series, clients in wanted
        ]
        loaded = running.rss_mib()
        last = loops[-1]
        server_slice(setup, running, best, clients=last.clients, series=last.series)
        return loops, idle, Memory(idle_memory, loaded, running.rss_mib())


def closed_loop(setup: Setup, running: Server, best: Bare, *, clients: int, series: int) -> Loop:
    """Measure one number of clients, with slices of the bare loop and of the server in turn."""
    found = []
    before = bare_slice(setup, best)
    for idx in range(1, setup.plan.rounds + 1):
        what = f"{clients} clients, {series} series in a request"
        log_progress(setup, f"{what}, round {idx} of {setup.plan.rounds}")
        result, used = server_slice(setup, running, best, clients=clients, series=series)
        after = bare_slice(setup, best)
        found.append(Round(before, result.ok_per_second * series, result, used, after))
        before = after
    return Loop(clients, series, found)


def bare_slice(setup: Setup, best: Bare) -> BareSlice:
    """Run the bare loop on the server's core for a short time."""
    return bare_loop.measure_slice(
        setup.bare,
        setup.bundle,
        best.batch,
        core=setup.server_core,
        seconds=setup.plan.bare_seconds,
    )


def server_slice(
    setup: Setup, running: Server, best: Bare, *, clients: int, series: int
) -> tuple[Result, float]:
    """Run a closed loop, long enough for several responses per client.

    Returns its result and the share of the core that the server used. The function waits until the
    server has finished the work that wrk left behind, so that the core is free for the next slice.
    """
    plan = setup.plan
    response = clients * series / best.series_per_second
    before, started = running.cpu_seconds(), time.monotonic()
    result = load.closed(
        running.url + "/forecast",
        forecast_bodies(series),
        connections=clients,
        seconds=max(plan.load_seconds, plan.answers_seen * response),
        warm_seconds=max(plan.warm_seconds, 2 * response),
        cores=setup.load_core,
    )
    used = (running.cpu_seconds() - before) / (time.monotonic() - started)
    running.settle(SETTLED_SHARE, window_seconds=SETTLED_WINDOW_SECONDS)
    return result, used


def overload(setup: Setup, best: Bare, clients: int) -> Overload:
    """Run closed and open loops in turn, against a separate server with a short queue."""
    arguments = ["--queue-steps", str(OVERLOAD_QUEUE_STEPS)]
    arguments += ["--request-timeout", f"{DEADLINE_SECONDS:g}s"]
    arguments += ["--max-connections", str(2 * OVERLOAD_CONNECTIONS)]
    bodies = forecast_bodies(1)
    found = []
    with server(setup, "overload", *arguments) as running:
        before, _ = server_slice(setup, running, best, clients=clients, series=1)
        for idx in range(setup.plan.overload_rounds):
            rate = OVERLOAD_FACTOR * before.ok_per_second
            what = f"open loop at {rate:,.0f} requests a second"
            log_progress(setup, f"{what}, round {idx + 1} of {setup.plan.overload_rounds}")
            # A single body, since h2load needs a process per body: see open_loop.py.
            result = open_loop(setup, running, bodies[idx % len(bodies)], rate)
            after, _ = server_slice(setup, running, best, clients=clients, series=1)
            found.append(OverloadRound(before, rate, result, after))
            before = after
    return Overload(clients, found)


def open_loop(setup: Setup, running: Server, body: bytes, rate: float) -> Result:
    """Run one slice of the overload, and wait until the server has finished its work."""
    result = load.open_loop(
        running.url + "/forecast",
        [body],
        rate=rate,
        seconds=setup.plan.overload_seconds,
        connections=OVERLOAD_CONNECTIONS,
        cores=setup.load_core,
        deadline_seconds=DEADLINE_SECONDS,
    )
    running.settle(SETTLED_SHARE, window_seconds=SETTLED_WINDOW_SECONDS)
    return result


def log_progress(setup: Setup, what: str) -> None:
    """Print progress to standard error, apart from the results."""
    print(f"{setup.model}: {what}", file=sys.stderr, flush=True)
