"""The bars that the measurement is held against: told with their values, not enforced."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import bare_loop
from measured import Measured
from plan import OVERLOAD_FACTOR

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}
# How a number is written, by its unit.
FORMATS = {"ratio": "{:.2f}", "share": "{:.1%}", "ms": "{:.3g} ms", "number": "{:g}"}


@dataclass(frozen=True)
class Bar:
    """One number, and what it is meant to be. None was not measured."""

    model: str
    what: str
    unit: str
    value: float | None
    comparison: str
    limit: float

    @property
    def met(self) -> bool | None:
        """Whether the number is as good as it is meant to be."""
        if self.value is None:
            return None
        return COMPARISONS[self.comparison](self.value, self.limit)


def bars(found: Measured) -> list[Bar]:
    """Every bar for one model."""
    best, single = bare_loop.best(found.bare).series_per_second, found.bare[0]
    alone, over = found.loop(1, 1), found.overload
    added = alone.result.latency.p99_ms - single.p99_ms if alone.result.latency else None
    share = alone.series_per_second / single.series_per_second
    goodput = over.ok_per_second / found.best_rate(1)
    refusal = over.refused.max_ms if over.refused else None
    growth = found.memory.again / found.memory.loaded - 1
    overloaded = f"goodput at {OVERLOAD_FACTOR:g} times saturation, of saturation"
    told = [
        ("drift of the bare loop: else believe nothing", "share", abs(found.drift), "<=", 0.1),
        ("one-series requests, of bare's best", "ratio", found.best_rate(1) / best, ">=", 0.65),
        (
            "requests of 100 series, of bare's best",
            "ratio",
            found.best_rate(100) / best,
            ">=",
            0.85,
        ),
        ("one client, of bare with batch 1", "ratio", share, ">=", 0.85),
        ("one client, added p99", "ms", added, "<", 1.0),
        (overloaded, "ratio", goodput, ">=", 0.9),
        ("slowest refusal", "ms", refusal, "<=", 10.0),
        ("answers neither 2xx nor refusals", "number", float(found.failures()), "<=", 0.0),
        ("accepted answers after the deadline", "number", float(over.late), "<=", 0.0),
        ("idle processor", "share", found.idle_cpu, "<", 0.01),
        ("growth of memory by the same load again", "share", growth, "<=", 0.05),
    ]
    return [Bar(found.model, *one) for one in told]


def written(bar: Bar) -> dict[str, str]:
    """The cells of a bar's row."""
    form = FORMATS[bar.unit]
    return {
        "model": bar.model,
        "what": bar.what,
        "value": "not measured" if bar.value is None else form.format(bar.value),
        "wanted": f"{bar.comparison} {form.format(bar.limit)}",
        "met": {True: "yes", False: "NO", None: "-"}[bar.met],
    }
