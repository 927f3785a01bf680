"""Results of a comparison as Markdown tables and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from almanac_bench.report import table  # noqa: E402

Results = Mapping[str, Any]

ALMANAC_COLOUR = "#c8102e"
# Colours show the request path, markers the server.
COLOURS = {"Python": "#3b6fb6", "Rust, Python": "#b4661f", "C++, Python": "#4d8b57"}
MARKERS = "osD^vP*X<>hdp"
# Minimum distance between two labels, as a share of the height of the axes.
LABEL_GAP = 0.042

COLUMNS = [
    ("name", "server", ""),
    ("clients", "clients", ""),
    ("per_second", "requests/s", ",.0f"),
    ("share", "Almanac gives", ""),
    ("p50_ms", "p50 ms", ",.1f"),
    ("p99_ms", "p99 ms", ",.1f"),
    ("almanac_p99_ms", "Almanac's p99 ms", ",.1f"),
    ("errors", "errors", ""),
    ("cpu_ms_per_request", "CPU ms/request", ".2f"),
    ("pss_mib", "memory MiB", ",.0f"),
]


def markdown(results: Results) -> str:
    """Return the best point of each server, all points, and the exceptions."""
    servers = results["servers"]
    rows = [
        {**point, "name": server["name"], "share": times(point)}
        for server in servers
        for point in server["points"]
    ]
    parts = [
        f"Model `{results['model']}`, one core for the server. Medians of pairs of slices, "
        f"{results['seconds']:g} s each: the peer, and Almanac right after it. Pairs for each "
        f"number of clients: {results['rounds']}.",
        table([best(server) for server in servers if server["points"]], BEST),
        table(rows, COLUMNS),
        standing_line(results["standing"]),
    ]
    busy = [server for server in servers if server["busy_idle"]]
    if busy:
        lines = [f"- {server['name']}: {server['busy_idle']:.0%} of its core" for server in busy]
        parts.append(
            "\n".join(["Busy with nothing to do, so Almanac came after their end:", "", *lines])
        )
    left = [server for server in servers if server["reason"]]
    if left:
        lines = [f"- {server['name']}: {first_line(server['reason'])}" for server in left]
        parts.append("\n".join(["Not measured, or not to the end:", "", *lines]))
    return "\n\n".join(parts) + "\n"


def standing_line(standing: Results) -> str:
    """Return a sentence on the number of pairs in which Almanac is ahead."""
    return (
        f"Almanac gives more answers in {standing['more_answers']} of {standing['pairs']} pairs, "
        f"and has the lower p99 in {standing['lower_p99']} of {standing['pairs_with_latency']}."
    )


BEST = [
    ("name", "server", ""),
    ("version", "version", ""),
    ("request_path", "request path", ""),
    ("batching", "batching", ""),
    ("per_second", "best requests/s", ",.0f"),
    ("clients", "with clients", ""),
    ("share", "Almanac gives", ""),
    ("p99_alone", "p99 ms, 1 client", ",.1f"),
    ("start_seconds", "ready after s", ".1f"),
    ("worst_difference", "differs by", ".0e"),
]


def best(server: Results) -> dict[str, Any]:
    """Return a server's row in the first table: the point with the highest throughput."""
    top = peak(server)
    alone = [point["p99_ms"] for point in server["points"] if point["clients"] == 1]
    return {
        **server,
        "version": ", ".join(f"{name} {version}" for name, version in server["versions"].items()),
        "per_second": top["per_second"],
        "clients": top["clients"],
        "share": times(top),
        "p99_alone": alone[0] if alone else None,
    }


def peak(server: Results) -> Results:
    """Return the point with the highest throughput."""
    return max(server["points"], key=lambda point: point["per_second"])


def times(point: Results) -> str | None:
    """Format the ratio of Almanac's throughput to that of the server."""
    return None if point["ratio"] is None else f"{point['ratio']:.1f}x"


def first_line(text: str) -> str:
    """Return the first line of a reason; the JSON file has all of it."""
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def draw(results: Results, path: Path) -> None:
    """Plot throughput and p99 by number of clients, on logarithmic axes."""
    measured = [server for server in results["servers"] if server["points"]]
    if not measured:
        return
    with plt.rc_context({"svg.hashsalt": "almanac", "font.size": 9, "svg.fonttype": "none"}):
        figure, panels = plt.subplots(1, 2, figsize=(12.5, 6))
        for panel, key, title in zip(
            panels,
            ("per_second", "p99_ms"),
            ("answers per second", "p99 latency, ms"),
            strict=True,
        ):
            ends = [line(panel, server, key, idx) for idx, server in enumerate(measured)]
            finish(panel, title, [point["clients"] for point in measured[0]["points"]])
            label(panel, [end for end in ends if end])
        figure.suptitle(
            f"One core, one series of 144 values a request, model {results['model']}; medians",
            y=0.98,
        )
        figure.text(0.5, 0.005, legend_text(), ha="center", color="#555555")
        figure.subplots_adjust(left=0.06, right=0.89, top=0.9, bottom=0.12, wspace=0.42)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def legend_text() -> str:
    """Return the legend of the colours."""
    return "red: Almanac; blue: pure Python; brown: Rust front, Python model; green: C++ and Python"


def line(panel: Axes, server: Results, key: str, idx: int) -> tuple[float, float, str, str] | None:
    """Draw one server; return the end of its line, its name and its colour."""
    points = [point for point in server["points"] if point[key]]
    if not points:
        return None
    is_almanac = server["name"] == "almanac"
    colour = ALMANAC_COLOUR if is_almanac else COLOURS.get(server["request_path"], "#777777")
    panel.plot(
        [point["clients"] for point in points],
        [point[key] for point in points],
        color=colour,
        marker=MARKERS[idx % len(MARKERS)],
        markersize=5,
        linewidth=2.6 if is_almanac else 1.2,
        zorder=3 if is_almanac else 2,
    )
    return points[-1]["clients"], points[-1][key], server["name"], colour


def finish(panel: Axes, title: str, clients: Sequence[int]) -> None:
    """Format axes, grid and title."""
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.set_xticks(clients, [str(count) for count in clients])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlabel("clients, each waiting for its answer")
    panel.set_title(title, loc="left")
    panel.grid(True, which="major", color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def label(panel: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Put names at the right of the lines, moved apart so that they do not overlap."""
    to_axes = panel.transScale + panel.transLimits
    placed = sorted(
        (float(to_axes.transform((x, y))[1]), x, y, name, colour) for x, y, name, colour in ends
    )
    heights = spread([entry[0] for entry in placed])
    for height, (_, x, y, name, colour) in zip(heights, placed, strict=True):
        panel.annotate(
            name,
            xy=(x, y),
            xytext=(1.06, height),
            textcoords="axes fraction",
            color=colour,
            va="center",
            fontweight="bold" if name == "almanac" else "normal",
            arrowprops={
                **{"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.7},
                **{"relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 4},
            },
        )


def spread(heights: Sequence[float]) -> list[float]:
    """Move ascending heights apart as little as possible; groups that touch keep their centre."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and top(groups[-2]) + LABEL_GAP > bottom(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    return [bottom(group) + LABEL_GAP * idx for group in groups for idx in range(len(group))]


def bottom(group: Sequence[float]) -> float:
    """Return the height of the lowest label of a group."""
    return sum(group) / len(group) - LABEL_GAP * (len(group) - 1) / 2


def top(group: Sequence[float]) -> float:
    """Return the height of the highest label of a group."""
    return sum(group) / len(group) + LABEL_GAP * (len(group) - 1) / 2
