"""The leaderboard as Markdown, as CSV and as a plot."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path

from .scores import Score, group_means
from .tasks import EIGHT

# Heading, how it is read off a score, format.
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
    """A table for each set, best WQL first, and one with the geometric means of the ratios."""
    parts = []
    for task, own in groupby(scores, key=lambda score: score.task):
        own = sorted(own, key=lambda score: (math.isnan(score.wql), score.wql))
        first = own[0]
        parts.append(f"### {task}: {first.windows} windows of {first.series} series\n")
        rows = [
            [score.method, *(_cell(read(score), spec) for _, read, spec in COLUMNS)]
            for score in own
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


PANELS = (
    ("MASE / seasonal naive's", 0, 1.0, (0.35, 1.45)),
    ("WQL / seasonal naive's", 1, 1.0, (0.35, 1.45)),
    ("coverage of the 80 % band", 2, 0.8, (0.35, 1.0)),
)


def plot(path: Path, scores: Sequence[Score], bundles: Sequence[str]) -> None:
    """A row for each measure, a column for each own set and one for the eight tasks' means.

    Bundles are drawn in colour. What lies beyond a panel is drawn at its edge.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    columns = _plotted(scores)
    methods = list(dict.fromkeys(method for own in columns.values() for method in own))
    figure, axes = pyplot.subplots(
        len(PANELS),
        len(columns),
        figsize=(2.6 + 2.1 * len(columns), 1.2 + 0.75 * len(methods)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    colours = {bundle: f"C{i}" for i, bundle in enumerate(bundles)}
    for row, (label, measure, reference, (low, high)) in zip(axes, PANELS, strict=True):
        for axis, (title, own) in zip(row, columns.items(), strict=True):
            axis.axvline(reference, color="black", linewidth=0.8)
            for i, method in enumerate(methods):
                value = own.get(method, (math.nan,) * len(PANELS))[measure]
                if math.isnan(value):
                    continue
                inside = low <= value <= high
                marker = "o" if inside else "<" if value < low else ">"
                axis.plot(min(max(value, low), high), -i, marker, color=colours.get(method, "0.45"))
            axis.set_xlim(low - 0.03, high + 0.03)
            axis.grid(axis="both", alpha=0.3)
            axis.set_xlabel(label, fontsize=8)
            axis.tick_params(labelsize=8)
            if row is axes[0]:
                axis.set_title(title, fontsize=10)
        row[0].set_yticks([-i for i in range(len(methods))], methods)
        for tick, method in zip(row[0].get_yticklabels(), methods, strict=True):
            tick.set_color(colours.get(method, "black"))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _plotted(scores: Sequence[Score]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """By column and method: both ratios and the coverage."""
    columns: dict[str, dict[str, tuple[float, float, float]]] = {}
    means = group_means(scores)
    if any(score.group == EIGHT for score in scores):
        columns[EIGHT] = {}
        for method, own in means.items():
            if EIGHT in own:
                covered = [
                    one.coverage_80 for one in scores if one.method == method and one.group == EIGHT
                ]
                columns[EIGHT][method] = (*own[EIGHT], sum(covered) / len(covered))
    for score in scores:
        if score.group != EIGHT:
            numbers = (score.mase_ratio, score.wql_ratio, score.coverage_80)
            columns.setdefault(score.task, {})[score.method] = numbers
    return columns
