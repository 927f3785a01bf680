"""The targets that a measurement is compared with: reported with their values, not enforced."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from almanac_bench.spread import Spread
from measured import Measured
from plan import OVERLOAD_FACTOR

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}
# Format of a value by its unit.
FORMATS = {"ratio": ".2f", "share": ".1%", "ms": ".3g", "number": "g"}
SUFFIXES = {"ms": " ms"}


@dataclass(frozen=True)
class Bar:
    """A measured value and its target; `value` is None if it was not measured.

    A value measured in rounds is their median; `spread` summarizes the rounds.
    """

    model: str
    what: str
    unit: str
    value: float | None
    comparison: str
    limit: float
    spread: Spread | None = None

    @property
    def met(self) -> bool | None:
        """True if the value meets its target; None if it was not measured."""
        if self.value is None:
            return None
        return COMPARISONS[self.comparison](self.value, self.limit)


def bars(found: Measured) -> list[Bar]:
    """Return the bars of one model."""
    alone, over = found.loop(1, 1), found.overload
    overloaded = f"goodput at {OVERLOAD_FACTOR:g} times saturation, of saturation"
    of_rounds = [
        ("one-series requests, of bare's best", "ratio", found.saturated(1).of_best, ">=", 0.65),
        (
            "requests of 100 series, of bare's best",
            "ratio",
            found.saturated(100).of_best,
            ">=",
            0.85,
        ),
        ("one client, of bare with batch 1", "ratio", alone.of_single, ">=", 0.85),
        ("one client, added p99", "ms", alone.added("p99_ms"), "<", 1.0),
        (overloaded, "ratio", over.goodput, ">=", 0.9),
        ("slowest refusal of a round", "ms", over.refused("max_ms"), "<=", 10.0),
    ]
    widest = max(share.quartile_deviation for share in found.shares())
    growth = found.memory.again / found.memory.loaded - 1
    of_all = [
        ("spread of the ratios: over it, believe one digit", "ratio", widest, "<=", 0.1),
        ("answers neither 2xx nor refusals", "number", float(found.failures()), "<=", 0.0),
        ("accepted answers after the deadline", "number", float(over.late), "<=", 0.0),
        ("idle processor", "share", found.idle_cpu, "<", 0.01),
        ("growth of memory by the same load again", "share", growth, "<=", 0.05),
    ]
    return [
        Bar(found.model, what, unit, some.median if some else None, comparison, limit, some)
        for what, unit, some, comparison, limit in of_rounds
    ] + [Bar(found.model, *one) for one in of_all]


def cells(bar: Bar) -> dict[str, str]:
    """Return the cells of a bar's row."""
    form, suffix = FORMATS[bar.unit], SUFFIXES.get(bar.unit, "")
    return {
        "model": bar.model,
        "what": bar.what,
        "value": "not measured" if bar.value is None else f"{bar.value:{form}}{suffix}",
        "rounds": bar.spread.quartiles(form) if bar.spread else "-",
        "wanted": f"{bar.comparison} {bar.limit:{form}}{suffix}",
        "met": {True: "yes", False: "NO", None: "-"}[bar.met],
    }
