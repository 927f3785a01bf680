"""What a load on a server finds."""

from __future__ import annotations

from dataclasses import dataclass


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
    tell them apart, and it is None where there were none. `sent_per_second` and `held_back` are of
    the open loop: the rate that was reached, and how many answers kept a connection from sending
    its next request when that was due. `late` are the 2xx answers that took longer than the
    deadline, where one was given.
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
        """Answers with a 2xx status."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))

    @property
    def failed(self) -> int:
        """Requests without an answer, or with one that is neither 2xx nor a refusal."""
        good = sum(self.statuses.get(status, 0) for status in ("429", "503"))
        return self.errors + sum(self.statuses.values()) - self.ok - good
