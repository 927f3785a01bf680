"""The plan of the measurement: what, how often, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from almanac_bench.bodies import HORIZON, LENGTH


@dataclass(frozen=True)
class Plan:
    """Durations in seconds; numbers of clients by the number of series per request."""

    # The whole curve of the bare loop: per batch size, over all passes.
    curve_seconds: float
    # A slice of the bare loop: per batch size, of two.
    bare_seconds: float
    # A slice of a closed loop, and the warm-up before it.
    load_seconds: float
    warm_seconds: float
    # Minimum length of a slice of a closed loop, in multiples of the response time.
    answers_seen: float
    rounds: int
    overload_seconds: float
    overload_rounds: int
    idle_seconds: float
    clients: dict[int, tuple[int, ...]]


FULL = Plan(
    curve_seconds=0.7,
    bare_seconds=0.4,
    load_seconds=1.5,
    warm_seconds=0.5,
    answers_seen=3.0,
    rounds=9,
    overload_seconds=4.0,
    overload_rounds=8,
    idle_seconds=5.0,
    clients={1: (1, 16, 64, 256), 100: (1, 4, 16, 64)},
)
# Long enough to see that each part works, and too short for reliable numbers.
QUICK = Plan(
    curve_seconds=0.15,
    bare_seconds=0.1,
    load_seconds=0.7,
    warm_seconds=0.3,
    answers_seen=1.0,
    rounds=2,
    overload_seconds=2.0,
    overload_rounds=2,
    idle_seconds=1.0,
    clients={1: (1, 64, 256), 100: (1, 16)},
)


@dataclass(frozen=True)
class Setup:
    """Model, executables, cores and folders of a measurement."""

    model: str
    bundle: Path
    binary: Path
    bare: Path
    server_core: str
    load_core: str
    logs: Path
    plan: Plan


# For the overload, the queue holds about one batch in addition to the running one. The default is
# sized for thousands of series in one request: requests with a single series could not fill it,
# because it has more places than there are connections.
OVERLOAD_QUEUED_SERIES = 256
OVERLOAD_QUEUE_STEPS = OVERLOAD_QUEUED_SERIES * (LENGTH + HORIZON)
# Enough that no connection waits for a response when its next request is due: see open_loop.py.
OVERLOAD_CONNECTIONS = 2000
OVERLOAD_FACTOR = 2.0
DEADLINE_SECONDS = 2.0
