"""The measurement of one model as Markdown: medians of rounds, and their spread."""

from __future__ import annotations

import bare_loop
from almanac_bench import report
from almanac_bench.spread import Spread, spread
from bars import bars, cells
from measured import Measured
from plan import OVERLOAD_FACTOR
from rounds import Loop, Overload

Rows = list[dict[str, object]]


def tables(found: Measured) -> str:
    """Return all tables of one model, with headings."""
    parts = [
        f"## {found.model}",
        "Bare loop, before anything else:",
        _bare(found),
        f"Between the slices of the server it made {_rates(found.bare_best)} series a second with "
        f"its best batch size, {_rates(found.bare_single)} with batches of one.",
        "Closed loops, each number the median of its rounds:",
        _loops(found),
        _latency_line(found.loop(1, 1)),
        f"Open loop at {OVERLOAD_FACTOR:g} times what {found.overload.clients} clients reached:",
        _overload(found.overload),
        _saturation_line(found.overload),
        f"Resident memory: {found.memory.idle:.0f} MiB before the first request, "
        f"{found.memory.loaded:.0f} MiB after the loops, {found.memory.again:.0f} MiB after one "
        f"more slice of the last. Idle processor: {found.idle_cpu:.2%} of a core.",
    ]
    return "\n\n".join(part for part in parts if part)


def verdicts(all_found: list[Measured]) -> str:
    """Return the table of the bars of all models."""
    rows = [cells(bar) for found in all_found for bar in bars(found)]
    columns = [(key, key, "") for key in ("model", "what", "value", "rounds", "wanted", "met")]
    return "## Bars\n\n" + report.table(rows, columns)


def _bare(found: Measured) -> str:
    best = bare_loop.best(found.bare).series_per_second
    rows = [{**vars(one), "share": one.series_per_second / best} for one in found.bare]
    columns = [
        ("batch", "batch", "d"),
        ("series_per_second", "series/s", ",.0f"),
        ("share", "of best", ".2f"),
        ("p50_ms", "run p50 ms", ".3f"),
        ("p99_ms", "run p99 ms", ".3f"),
        ("cpu_share", "its core", ".0%"),
    ]
    return report.table(rows, columns)


def _loops(found: Measured) -> str:
    rows: Rows = [
        {
            "series": loop.series,
            "clients": loop.clients,
            "rate": loop.rate.median,
            "share": loop.of_best.median,
            "range": loop.of_best.quartiles(".2f"),
            "cpu": loop.server_cpu.median,
            "cpu_rate": _median(loop.of_best_by_processor),
            "p50_ms": _median(loop.latency("p50_ms")),
            "p99_ms": _median(loop.latency("p99_ms")),
            "failed": loop.failed,
        }
        for loop in found.loops
    ]
    columns = [
        ("series", "series in a request", "d"),
        ("clients", "clients", "d"),
        ("rate", "series/s", ",.0f"),
        ("share", "of bare's best", ".2f"),
        ("range", "by round", ""),
        ("cpu", "server's core", ".0%"),
        ("cpu_rate", "same, per processor time", ".2f"),
        ("p50_ms", "p50 ms", ".2f"),
        ("p99_ms", "p99 ms", ".2f"),
        ("failed", "failed", "d"),
    ]
    return report.table(rows, columns)


def _latency_line(loop: Loop) -> str:
    share, p50, p99 = loop.of_single, loop.added("p50_ms"), loop.added("p99_ms")
    if p50 is None or p99 is None:
        return "One client: not every answer was 2xx."
    return (
        f"One client: {share.median:.2f} of the bare loop with batch 1 ({share.quartiles('.2f')}); "
        f"added latency p50 {p50.median:.3f} ms ({p50.quartiles('.3f')}), "
        f"p99 {p99.median:.3f} ms ({p99.quartiles('.3f')})."
    )


def _overload(over: Overload) -> str:
    slowest = over.refused("max_ms")
    row = {
        "rate": Spread.of(one.rate for one in over.rounds).median,
        "sent": _median(spread(result.sent_per_second for result in over.results)),
        "goodput": Spread.of(result.ok_per_second for result in over.results).median,
        "share": over.goodput.median,
        "range": over.goodput.quartiles(".2f"),
        "refusals": over.refused_share.median,
        "p99": _median(spread(one.latency.p99_ms if one.latency else None for one in over.results)),
        "refused_p50": _median(over.refused("p50_ms")),
        "refused_p99": _median(over.refused("p99_ms")),
        "refused_p999": _median(over.refused("p999_ms")),
        "refused_max": _median(slowest),
        "refused_worst": slowest.greatest if slowest else None,
        "failed": over.failed,
        "late": over.late,
        "held": sum(result.held_back for result in over.results),
    }
    columns = [
        ("rate", "due/s", ",.0f"),
        ("sent", "sent/s", ",.0f"),
        ("goodput", "2xx/s", ",.0f"),
        ("share", "of saturation", ".2f"),
        ("range", "by round", ""),
        ("refusals", "429", ".0%"),
        ("p99", "2xx p99 ms", ".1f"),
        ("refused_p50", "429 p50 ms", ".2f"),
        ("refused_p99", "429 p99 ms", ".1f"),
        ("refused_p999", "429 p99.9 ms", ".1f"),
        ("refused_max", "slowest 429 ms", ".1f"),
        ("refused_worst", "in the worst round", ".1f"),
        ("failed", "other", "d"),
        ("late", "after deadline", "d"),
        ("held", "held back", "d"),
    ]
    return report.table([row], columns)


def _saturation_line(over: Overload) -> str:
    refused = over.refused_at_saturation
    if not refused:
        return ""
    return (
        f"{refused} requests of the closed loops were refused: they are no measure of saturation."
    )


def _rates(found: Spread) -> str:
    return f"{found.median:,.0f} ({found.quartiles(',.0f')})"


def _median(found: Spread | None) -> float | None:
    return found.median if found else None
