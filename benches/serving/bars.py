"""The bars that the measurement is held against: told with their values, not enforced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bare_loop
from measured import Measured
from plan import OVERLOAD_FACTOR


@dataclass(frozen=True)
class Bar:
    """One number and whether it is as good as it is meant to be."""

    model: str
    what: str
    value: float | None
    unit: str
    wanted: str
    met: bool | None


def bars(found: Measured) -> list[Bar]:
    """Every bar for one model."""
    best, single = bare_loop.best(found.bare).series_per_second, found.bare[0]
    one_client = found.loop(1, 1)
    latency, over = one_client.result.latency, found.overload
    added = None if latency is None else latency.p99_ms - single.p99_ms
    refused = over.refused.max_ms if over.refused else None
    memory = found.memory.again / found.memory.loaded - 1

    def bar(
        what: str, value: float | None, unit: str, wanted: str, holds: Callable[[float], bool]
    ) -> Bar:
        met = None if value is None else holds(value)
        return Bar(found.model, what, value, unit, wanted, met)

    return [
        bar(
            "one-series requests, of bare's best",
            found.best_rate(1) / best,
            "ratio",
            ">= 0.65",
            lambda value: value >= 0.65,
        ),
        bar(
            "requests of 100 series, of bare's best",
            found.best_rate(100) / best,
            "ratio",
            ">= 0.85",
            lambda value: value >= 0.85,
        ),
        bar(
            "one client, of bare with batch 1",
            one_client.series_per_second / single.series_per_second,
            "ratio",
            ">= 0.85",
            lambda value: value >= 0.85,
        ),
        bar("one client, added p99", added, "ms", "< 1", lambda value: value < 1),
        bar(
            f"goodput at {OVERLOAD_FACTOR:g} times saturation, of saturation",
            over.ok_per_second / found.best_rate(1),
            "ratio",
            ">= 0.9",
            lambda value: value >= 0.9,
        ),
        bar("slowest refusal", refused, "ms", "<= 10", lambda value: value <= 10),
        bar(
            "answers neither 2xx nor refusals",
            float(found.failures()),
            "number",
            "0",
            lambda value: value == 0,
        ),
        bar(
            "accepted answers after the deadline",
            float(over.late),
            "number",
            "0",
            lambda value: value == 0,
        ),
        bar("idle processor", found.idle_cpu, "share", "< 1 %", lambda value: value < 0.01),
        bar(
            "memory, after the same load again",
            memory,
            "growth",
            "<= 5 %",
            lambda value: value <= 0.05,
        ),
    ]


def written(bar: Bar) -> dict[str, str]:
    """The cells of a bar's row."""
    if bar.value is None:
        value = "not measured"
    elif bar.unit == "ratio":
        value = f"{bar.value:.2f}"
    elif bar.unit in ("share", "growth"):
        value = f"{bar.value:.1%}"
    else:
        value = f"{bar.value:.3g} {bar.unit}" if bar.unit == "ms" else f"{bar.value:g}"
    verdict = {True: "yes", False: "NO", None: "-"}[bar.met]
    wanted = f"{bar.wanted} ms" if bar.unit == "ms" else bar.wanted
    return {"model": bar.model, "what": bar.what, "value": value, "wanted": wanted, "met": verdict}
