"""One model's measurement as Markdown."""

from __future__ import annotations

import bare_loop
from almanac_bench import report
from almanac_bench.results import Latency
from bars import bars, written
from measured import Measured
from plan import OVERLOAD_FACTOR

Rows = list[dict[str, object]]


def tables(found: Measured) -> str:
    """Every table of one model, with headings."""
    parts = [
        f"## {found.model}",
        f"Bare loop (its best batch drifted by {found.drift:+.1%} during the measurement):",
        _bare(found),
        "Closed loops:",
        _loops(found),
        _latency_line(found),
        f"Open loop at {OVERLOAD_FACTOR:g} times saturation:",
        _overload(found),
        f"Resident memory: {found.memory.idle:.0f} MiB before the first request, "
        f"{found.memory.loaded:.0f} MiB after the loops, {found.memory.again:.0f} MiB after the "
        f"last of them again. Idle processor: {found.idle_cpu:.2%} of a core.",
    ]
    return "\n\n".join(parts)


def verdicts(all_found: list[Measured]) -> str:
    """The bars of all models."""
    rows = [written(bar) for found in all_found for bar in bars(found)]
    columns = [(key, key, "") for key in ("model", "what", "value", "wanted", "met")]
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
    best = bare_loop.best(found.bare).series_per_second
    best_of_processor = bare_loop.best_per_processor_second(found.bare)
    rows: Rows = [
        {
            "series": loop.series,
            "clients": loop.clients,
            "rate": loop.series_per_second,
            "share": loop.series_per_second / best,
            "cpu": loop.server_cpu,
            "cpu_rate": loop.series_per_second / (loop.server_cpu or 1) / best_of_processor,
            **_latencies(loop.result.latency),
            "failed": loop.result.failed,
        }
        for loop in found.loops
    ]
    columns = [
        ("series", "series in a request", "d"),
        ("clients", "clients", "d"),
        ("rate", "series/s", ",.0f"),
        ("share", "of bare's best", ".2f"),
        ("cpu", "server's core", ".0%"),
        ("cpu_rate", "same, per processor time", ".2f"),
        ("p50_ms", "p50 ms", ".2f"),
        ("p99_ms", "p99 ms", ".2f"),
        ("failed", "failed", "d"),
    ]
    return report.table(rows, columns)


def _latency_line(found: Measured) -> str:
    loop, single = found.loop(1, 1), found.bare[0]
    if loop.result.latency is None:
        return "One client: not every answer was 2xx."
    p50, p99 = (
        loop.result.latency.p50_ms - single.p50_ms,
        loop.result.latency.p99_ms - single.p99_ms,
    )
    share = loop.series_per_second / single.series_per_second
    return (
        f"One client: {share:.2f} of the bare loop with batch 1; "
        f"added latency p50 {p50:.3f} ms, p99 {p99:.3f} ms."
    )


def _overload(found: Measured) -> str:
    over, all_answers = found.overload, max(1, sum(found.overload.statuses.values()))
    row = {
        "rate": found.overload_rate,
        "sent": over.sent_per_second,
        "goodput": over.ok_per_second,
        "share": over.ok_per_second / found.best_rate(1),
        "refusals": over.statuses.get("429", 0) / all_answers,
        "p99": over.latency.p99_ms if over.latency else None,
        "refused_p99": over.refused.p99_ms if over.refused else None,
        "refused_max": over.refused.max_ms if over.refused else None,
        "failed": over.failed,
        "late": over.late,
        "held": over.held_back,
    }
    columns = [
        ("rate", "due/s", ",.0f"),
        ("sent", "sent/s", ",.0f"),
        ("goodput", "2xx/s", ",.0f"),
        ("share", "of saturation", ".2f"),
        ("refusals", "429", ".0%"),
        ("p99", "2xx p99 ms", ".1f"),
        ("refused_p99", "429 p99 ms", ".1f"),
        ("refused_max", "429 max ms", ".1f"),
        ("failed", "other", "d"),
        ("late", "after deadline", "d"),
        ("held", "held back", "d"),
    ]
    return report.table([row], columns)


def _latencies(latency: Latency | None) -> dict[str, object]:
    return {} if latency is None else {"p50_ms": latency.p50_ms, "p99_ms": latency.p99_ms}
