"""Results as Markdown tables and as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Key of the row, heading, and a format specification as in `format(value, spec)`.
Column = tuple[str, str, str]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """Return a Markdown table. A column is (key, heading, format); a missing value is a dash.

    Example:
      table([{"name": "a", "share": 0.5}], [("name", "what", ""), ("share", "of best", ".0%")])
    """
    cells = [[heading for _, heading, _ in columns]]
    cells += [[_cell(row.get(key), spec) for key, _, spec in columns] for row in rows]
    widths = [max(len(line[idx]) for line in cells) for idx in range(len(columns))]
    is_number = [
        all(isinstance(row.get(key), int | float | None) for row in rows) for key, _, _ in columns
    ]
    lines = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ]
        for line in cells
    ]
    rule = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, is_number, strict=True)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def _cell(value: Any, spec: str) -> str:
    if value is None:
        return "-"
    return format(value, spec) if isinstance(value, int | float) else str(value)


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write `results` as JSON; an older file is replaced atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(results, indent=2, default=_plain) + "\n")
    part.replace(path)


def _plain(value: Any) -> Any:
    """Convert dataclasses and paths, which `json` does not support."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)
