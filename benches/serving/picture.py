"""The measurement as a plot: throughput and latency by the number of clients."""

from __future__ import annotations

from pathlib import Path

import matplotlib

import bare_loop

matplotlib.use("svg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from measured import Measured  # noqa: E402

COLOURS = {1: "#1f77b4", 100: "#d95f02"}


def draw(all_found: list[Measured], path: Path) -> None:
    """Plot a row per model: throughput next to the bare loop, and latency."""
    # Reproducible bytes, and text that can be searched.
    plt.rcParams.update({"svg.hashsalt": "almanac", "svg.fonttype": "none", "font.size": 10})
    rows = len(all_found)
    figure, axes = plt.subplots(rows, 2, figsize=(11, 4.8 * rows), squeeze=False)
    for (left, right), found in zip(axes, all_found, strict=True):
        _throughput(left, found)
        _latency(right, found)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _throughput(axes: Axes, found: Measured) -> None:
    """Plot medians of rounds; error bars span the quartiles."""
    for series, colour in COLOURS.items():
        loops = [loop for loop in found.loops if loop.series == series]
        rates = [loop.rate for loop in loops]
        axes.errorbar(
            [loop.clients for loop in loops],
            [rate.median for rate in rates],
            yerr=[
                [rate.median - rate.low for rate in rates],
                [rate.high - rate.median for rate in rates],
            ],
            marker="o",
            color=colour,
            elinewidth=0.8,
            capsize=2.5,
            label=f"{series} series in a request",
        )
    batch = bare_loop.best(found.bare).batch
    axes.axhline(
        found.bare_best.median, color="black", label=f"bare loop, its best batch ({batch})"
    )
    axes.axhline(found.bare_single.median, color="gray", linestyle="--", label="bare loop, batch 1")
    _label(axes, f"{found.model}: series per second", "clients")
    axes.set_ylim(bottom=0)
    _legend(axes)


def _latency(axes: Axes, found: Measured) -> None:
    for series, colour in COLOURS.items():
        for key, style in (("p50_ms", "-"), ("p99_ms", ":")):
            points = [
                (loop.clients, latency.median)
                for loop in found.loops
                if loop.series == series and (latency := loop.latency(key))
            ]
            axes.plot(
                [clients for clients, _ in points],
                [median for _, median in points],
                style,
                marker="o",
                color=colour,
                label=f"{series} series, {key.removesuffix('_ms')}",
            )
    single = found.bare[0]
    axes.axhline(single.p50_ms, color="gray", linestyle="--", label="bare loop, batch 1, p50")
    _label(axes, f"{found.model}: latency in milliseconds", "clients")
    axes.set_yscale("log")
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Place the legend below the axes, where it covers no line."""
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper left", bbox_to_anchor=(-0.02, -0.13))


def _label(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel(below)
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
