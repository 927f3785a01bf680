"""Writes a bundle: the graph, the package's own forecasts as golden.json, and the manifest.

Needs numpy alone. What the package forecasts comes from the export, and never from the graph: a
bundle whose graph or manifest is wrong must fail its golden forecasts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .cases import Case

# Of the largest absolute value of a case.
TOLERANCE = 1e-4
SIGNIFICANT_DIGITS = 8

# The package's quantiles of a case, [level, step], in the order of the manifest's levels.
Predict = Callable[[Case], np.ndarray]


def parse_arguments(description: str, checkpoint: str | None = None) -> argparse.Namespace:
    """--output, --requests and, where `checkpoint` says what one is, --checkpoint."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write <name>/<version>/ into"
    )
    parser.add_argument(
        "--requests", type=Path, help="file to write the cases and the expected answers into"
    )
    if checkpoint is not None:
        parser.add_argument("--checkpoint", help=f"{checkpoint}; without it a small one is made")
    return parser.parse_args()


def write(
    arguments: argparse.Namespace,
    template: Path,
    graph: bytes,
    cases: Sequence[Case],
    predict: Predict,
    values: Mapping[str, object] | None = None,
) -> None:
    """Writes the bundle that `template` describes into the folder `arguments.output`.

    `values` replace those of the template where a checkpoint differs, by dotted key:
    `{"context.max_length": 512}`.
    """
    text = with_values(template.read_text(), values or {})
    manifest = tomllib.loads(text)
    levels = manifest["output"].get("levels", [0.5])
    answers = [_answer(case, predict(case), len(levels)) for case in cases]

    checked = [pair for pair in zip(cases, answers, strict=True) if pair[0].start is None]
    files = {"model.onnx": graph, "golden.json": golden(checked).encode()}
    digests = "\n".join(
        f'"{name}" = "sha256:{hashlib.sha256(content).hexdigest()}"'
        for name, content in files.items()
    )
    files["manifest.toml"] = text.replace("[files]\n", f"[files]\n{digests}\n", 1).encode()

    folder = arguments.output / manifest["name"] / manifest["version"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if arguments.requests is not None:
        write_requests(arguments.requests, manifest["name"], levels, cases, answers)
    print(f"{folder}: {len(graph) / 1e6:.1f} MB, {len(cases)} cases")


def write_requests(
    path: Path,
    model: str,
    levels: Sequence[float],
    cases: Sequence[Case],
    answers: Sequence[np.ndarray],
) -> None:
    """The cases as requests to the server, each with the package's own answer."""
    requests = []
    for case, answer in zip(cases, answers, strict=True):
        series = {"values": list(case.values), "season_length": case.season_length}
        if case.start is not None:
            series |= {"start": case.start, "frequency": case.frequency}
        if case.covariates():
            series["covariates"] = case.covariates()
        requests.append(
            {
                "name": case.name,
                "series": series,
                "horizon": case.horizon,
                "quantiles": [[float(value) for value in row] for row in answer],
            }
        )
    content = {"model": model, "levels": list(levels), "requests": requests}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def with_values(template: str, values: Mapping[str, object]) -> str:
    """`template` with the values of some keys replaced, comments and all else kept."""
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        head, opening, body = template, "", template
        if table:
            head, opening, body = template.partition(f"[{table}]\n")
        else:
            head = ""
        changed, count = re.subn(
            rf"^{name} = [^#\n]*?(?=\s*(#|$))",
            lambda _, name=name, value=value: f"{name} = {json.dumps(value)}",
            body,
            count=1,
            flags=re.MULTILINE,
        )
        if count != 1:
            raise ValueError(f"the manifest has no {key}")
        template = head + opening + changed
    return template


def golden(checked: Sequence[tuple[Case, np.ndarray]]) -> str:
    """One line per list of numbers, so that a change can be read in a diff."""
    written = []
    for case, answer in checked:
        rows = ",\n    ".join(json.dumps([_rounded(value) for value in row]) for row in answer)
        written.append(
            f'  {{"name": {json.dumps(case.name)},\n'
            f'   "values": {json.dumps(list(case.values))},\n'
            f'   "season_length": {case.season_length}, "horizon": {case.horizon},\n'
            f"{_covariates(case)}"
            f'   "quantiles": [\n    {rows}]}}'
        )
    listed = ",\n".join(written)
    return f'{{"tolerance": {{"relative": {TOLERANCE}}}, "cases": [\n{listed}\n]}}\n'


def _answer(case: Case, quantiles: np.ndarray, levels: int) -> np.ndarray:
    """The package's quantiles in order: the server never gives crossing ones."""
    quantiles = np.asarray(quantiles, dtype=np.float64)
    if quantiles.shape != (levels, case.horizon):
        raise ValueError(f"{case.name}: {quantiles.shape} is not {(levels, case.horizon)}")
    if not np.isfinite(quantiles).all():
        raise ValueError(f"{case.name}: the package gave values that are not finite")
    ordered = np.sort(quantiles, axis=0)
    crossed = np.abs(ordered - quantiles).max() / max(np.abs(quantiles).max(), 1e-300)
    if crossed > TOLERANCE:
        print(f"note: {case.name}: the package's quantiles cross, by {crossed:.1e} of the largest")
    return ordered


def _covariates(case: Case) -> str:
    covariates = case.covariates()
    return f'   "covariates": {json.dumps(covariates)},\n' if covariates else ""


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
