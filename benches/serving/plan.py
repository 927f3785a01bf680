"""What is measured, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from almanac_bench.bodies import HORIZON, LENGTH


@dataclass(frozen=True)
class Plan:
    """Times in seconds; clients by the number of series in each of their requests."""

    bare_seconds: float
    load_seconds: float
    warm_seconds: float
    # A loop lasts at least this many times the time of an answer.
    answers_seen: float
    overload_seconds: float
    idle_seconds: float
    clients: dict[int, tuple[int, ...]]


FULL = Plan(2.0, 10.0, 2.0, 5.0, 20.0, 5.0, {1: (1, 16, 64, 256), 100: (1, 4, 16, 64)})
# Long enough to see that each part works, and too short to be believed.
QUICK = Plan(0.2, 0.7, 0.3, 1.0, 2.0, 1.0, {1: (1, 16, 64, 256), 100: (1, 4, 16)})


@dataclass(frozen=True)
class Setup:
    """Which server, which model, where."""

    model: str
    bundle: Path
    binary: Path
    bare: Path
    server_core: str
    load_core: str
    logs: Path
    plan: Plan


# The overload has a queue that holds about a batch beside the one that runs. The default is sized
# for thousands of series in one request: one-series requests could not fill it, for there are more
# places in it than connections.
OVERLOAD_QUEUED_SERIES = 256
OVERLOAD_QUEUE_STEPS = OVERLOAD_QUEUED_SERIES * (LENGTH + HORIZON)
# So many that none waits for its answer when its next request is due: see open_loop.py.
OVERLOAD_CONNECTIONS = 2000
OVERLOAD_FACTOR = 2.0
DEADLINE_SECONDS = 2.0
