"""The leaderboard as Markdown, as CSV and as a plot."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .forecasters import Naive
from .scores import Score, group_means
from .tasks import EIGHT, MADE_UP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Heading, accessor, format.
COLUMNS: tuple[tuple[str, Callable[[Score], float], str], ...] = (
    ("MASE", lambda score: score.mase, ".3f"),
    ("WQL", lambda score: score.wql, ".4f"),
    ("sMAPE", lambda score: score.smape, ".2f"),
    ("cover 80", lambda score: score.coverage_80, ".3f"),
    ("MASE ratio", lambda score: score.mase_ratio, ".3f"),
    ("WQL ratio", lambda score: score.wql_ratio, ".3f"),
    ("failed", lambda score: score.failed, "d"),
)


def markdown(scores: Sequence[Score]) -> str:
    """Return a table per set, best WQL first, and one of the geometric means of the ratios."""
    parts = []
    for task, group in groupby(scores, key=lambda score: score.task):
        ranked = sorted(group, key=lambda score: (math.isnan(score.wql), score.wql))
        first = ranked[0]
        parts.append(f"### {task}: {first.windows} windows of {first.series} series\n")
        rows = [
            [score.method, *(_cell(read(score), spec) for _, read, spec in COLUMNS)]
            for score in ranked
        ]
        parts.append(_table(["method", *(heading for heading, _, _ in COLUMNS)], rows))
    parts.append("### Geometric means of the ratios to seasonal naive, MASE / WQL\n")
    parts.append(_means(scores))
    return "\n".join(parts)


def _means(scores: Sequence[Score]) -> str:
    groups = list(dict.fromkeys(score.group for score in scores))
    rows = []
    for method, means in group_means(scores).items():
        cells = [
            " / ".join(_cell(mean, ".3f") for mean in means.get(group, ())) for group in groups
        ]
        rows.append([method, *cells])
    return _table(["method", *groups], rows)


def _cell(value: float, spec: str) -> str:
    return "" if math.isnan(value) else format(value, spec)


def _table(headings: list[str], rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in [headings, rule, *rows]:
        first, *others = row
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_csv(path: Path, scores: Sequence[Score]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)])
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)


# Title, reference (the ideal value, or that of seasonal naive) and limits of each row of panels.
PANELS: tuple[tuple[str, float, tuple[float, float]], ...] = (
    ("MASE / seasonal naive's", 1.0, (0.45, 1.35)),
    ("WQL / seasonal naive's", 1.0, (0.45, 1.35)),
    ("coverage of the 80 % band", 0.8, (0.5, 1.0)),
)
Numbers = tuple[float, float, float]


def plot(path: Path, scores: Sequence[Score], bundles: Sequence[str]) -> None:
    """Plot a row per measure, and a column per set and one for the means of the eight tasks.

    Bundles come last and in colour. A triangle marks a value outside the panel. Synthetic sets are
    omitted.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    columns = _plotted(scores)
    names = dict.fromkeys(method for column in columns.values() for method in column)
    methods = [*(method for method in names if method not in bundles), *bundles]
    colours = {bundle: f"C{i}" for i, bundle in enumerate(bundles)}
    figure, axes = pyplot.subplots(
        len(PANELS),
        len(columns),
        figsize=(2.4 + 1.9 * len(columns), 1.2 + 0.6 * len(methods)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, (label, reference, limits) in enumerate(PANELS):
        for axis, (title, column) in zip(axes[row], columns.items(), strict=True):
            values = [column.get(method, UNKNOWN)[row] for method in methods]
            _points(axis, values, limits, [colours.get(method, "0.4") for method in methods])
            axis.axvline(reference, color="black", linewidth=0.8)
            axis.set_xlabel(label, fontsize=8)
            axis.tick_params(labelsize=8)
            if row == 0:
                axis.set_title(title, fontsize=11)
        axes[row][0].set_yticks([-i for i in range(len(methods))], methods)
        for tick, method in zip(axes[row][0].get_yticklabels(), methods, strict=True):
            tick.set_color(colours.get(method, "black"))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


UNKNOWN: Numbers = (math.nan, math.nan, math.nan)


def _points(
    axis: Axes, values: Sequence[float], limits: tuple[float, float], colours: Sequence[str]
) -> None:
    low, high = limits
    margin = 0.04 * (high - low)
    for i, (value, colour) in enumerate(zip(values, colours, strict=True)):
        if not math.isnan(value):
            marker = "<" if value < low else ">" if value > high else "o"
            axis.plot(min(max(value, low), high), -i, marker, color=colour, markersize=6)
    axis.set_xlim(low - margin, high + margin)
    axis.grid(alpha=0.3)


def _plotted(scores: Sequence[Score]) -> dict[str, dict[str, Numbers]]:
    """Return both ratios and the coverage, by column and method."""
    columns: dict[str, dict[str, Numbers]] = {}
    means = group_means(scores)
    for score in scores:
        if score.group == EIGHT:
            column = columns.setdefault(EIGHT, {})
            if score.method in column or EIGHT not in means.get(score.method, {}):
                continue
            all_eight = [
                one.coverage_80
                for one in scores
                if (one.method, one.group) == (score.method, EIGHT)
            ]
            column[score.method] = (*means[score.method][EIGHT], sum(all_eight) / len(all_eight))
        elif score.group != MADE_UP:
            numbers = (score.mase_ratio, score.wql_ratio, score.coverage_80)
            columns.setdefault(score.task, {})[score.method] = numbers
    # A point forecast has no band whose coverage could be measured.
    for column in columns.values():
        if Naive.name in column:
            column[Naive.name] = (*column[Naive.name][:2], math.nan)
    return columns
