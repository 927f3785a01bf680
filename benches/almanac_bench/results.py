"""Measurements of a load generator."""

from __future__ import annotations

from dataclasses import dataclass


class LoadError(Exception):
    """A load generator failed; the message is its output."""


@dataclass(frozen=True)
class Latency:
    """Percentiles of response times, in milliseconds."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class Result:
    """The measurements of one load.

    `ok_per_second` counts responses with a 2xx status. `statuses` holds the number of responses by
    status; `errors` counts requests without a response: refused or broken connections, timeouts.
    `latency` covers the 2xx responses. `refused` covers those with 429 or 503; only the open loop
    can separate them, and it is None if there were none. `sent_per_second` and `held_back` belong
    to the open loop: the rate that was reached, and the number of responses that kept a connection
    from sending its next request on time. `late` counts the 2xx responses that exceeded the
    deadline, if there was one.
    """

    seconds: float
    ok_per_second: float
    statuses: dict[str, int]
    errors: int
    latency: Latency | None
    refused: Latency | None = None
    sent_per_second: float | None = None
    held_back: int = 0
    late: int = 0

    @property
    def ok(self) -> int:
        """The number of responses with a 2xx status."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))

    @property
    def failed(self) -> int:
        """The number of requests without a response, or with neither 2xx nor a refusal."""
        good = sum(self.statuses.get(status, 0) for status in ("429", "503"))
        return self.errors + sum(self.statuses.values()) - self.ok - good
