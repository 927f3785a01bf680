"""Scores as Markdown table, CSV and plot."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from .metrics import geometric_mean
from .scoring import Score

# Heading, attribute of a score, format.
COLUMNS = (
    ("set", "dataset", ""),
    ("n", "series", ""),
    ("MASE", "mase", ".3f"),
    ("sMAPE", "smape", ".2f"),
    ("WQL", "wql", ".4f"),
    ("cover 80", "coverage_80", ".3f"),
    ("cover 95", "coverage_95", ".3f"),
    ("naive MASE", "naive_mase", ".3f"),
    ("naive WQL", "naive_wql", ".4f"),
    ("MASE ratio", "mase_ratio", ".3f"),
    ("WQL ratio", "wql_ratio", ".3f"),
)
HEADINGS = tuple(heading for heading, _, _ in COLUMNS)


def _values(score: Score) -> list[str | int | float]:
    return [getattr(score, attribute) for _, attribute, _ in COLUMNS]


def table(scores: Sequence[Score]) -> str:
    """Return a Markdown table whose last line has the geometric means of the ratios."""
    rows = [
        [format(value, spec) for value, (_, _, spec) in zip(_values(score), COLUMNS, strict=True)]
        for score in scores
    ]
    means = [
        geometric_mean([getattr(score, ratio) for score in scores])
        for ratio in ("mase_ratio", "wql_ratio")
    ]
    count = sum(score.series for score in scores)
    blank = [""] * (len(COLUMNS) - 2 - len(means))
    last = ["geometric mean", str(count), *blank, *(f"{mean:.3f}" for mean in means)]

    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, last, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in [HEADINGS, rule, *rows, last]:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(" | ".join(["| " + first.strip().ljust(widths[0]), *others]) + " |")
    return "\n".join(lines)


def write_csv(path: Path, scores: Mapping[str, Sequence[Score]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["backend", *HEADINGS])
        for backend, backend_scores in scores.items():
            writer.writerows([backend, *_values(score)] for score in backend_scores)


def plot(path: Path, scores: Mapping[str, Sequence[Score]]) -> None:
    """Plot ratios to seasonal naive and coverage, with one bar per set and backend."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    panels = (
        ("mase_ratio", "MASE over seasonal naive's", 1.0),
        ("wql_ratio", "WQL over seasonal naive's", 1.0),
        ("coverage_80", "coverage of the 80 % band", 0.8),
    )
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(13, 4.5), sharey=True, layout="constrained"
    )
    height = 0.8 / len(scores)
    for axis, (attribute, title, reference) in zip(axes, panels, strict=True):
        for i, (backend, backend_scores) in enumerate(scores.items()):
            positions = [-(j + i * height) for j in range(len(backend_scores))]
            values = [getattr(score, attribute) for score in backend_scores]
            axis.barh(positions, values, 0.9 * height, label=backend)
        axis.axvline(reference, color="black", linewidth=1)
        axis.set_title(title)
        axis.set_xlim(0, 1.05)
    names = [score.dataset for score in next(iter(scores.values()))]
    axes[0].set_yticks([-j - 0.4 + height / 2 for j in range(len(names))], names)
    if len(scores) > 1:
        axes[0].legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
