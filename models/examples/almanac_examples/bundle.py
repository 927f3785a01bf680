"""Writing of a bundle: graph, manifest, and forecasts of the original package as golden.json.

Needs numpy only. Expected forecasts come from the export and never from the graph: a bundle with a
wrong graph or manifest must fail its golden forecasts.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .cases import Case

# Relative to the largest absolute value of a case.
TOLERANCE = 1e-4
SIGNIFICANT_DIGITS = 8

# Returns the package's quantiles of a case, [level, step], in the order of the manifest's levels.
Predict = Callable[[Case], np.ndarray]


def parse_arguments(description: str, checkpoint: str | None = None) -> argparse.Namespace:
    """Parse --output, --requests and, if `checkpoint` describes it, --checkpoint."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder in which <name>/<version>/ is created"
    )
    parser.add_argument(
        "--requests", type=Path, help="file for the cases and their expected forecasts"
    )
    if checkpoint is not None:
        parser.add_argument("--checkpoint", help=f"{checkpoint} (default: a small example model)")
    return parser.parse_args()


def write(
    arguments: argparse.Namespace,
    template: Path,
    graph: bytes,
    cases: Sequence[Case],
    predict: Predict,
    values: Mapping[str, object] | None = None,
) -> None:
    """Write the bundle that `template` describes into the folder `arguments.output`.

    `values` replaces values of the template in which a checkpoint differs, by dotted key:
    `{"context.max_length": 512}`.
    """
    text = with_values(template.read_text(), values or {})
    manifest = tomllib.loads(text)
    levels = manifest["output"].get("levels", [0.5])
    forecasts = [_ordered(case, predict(case), len(levels)) for case in cases]

    checked = [pair for pair in zip(cases, forecasts, strict=True) if pair[0].start is None]
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
        write_requests(arguments.requests, manifest["name"], levels, cases, forecasts)
    print(f"{folder}: {len(graph) / 1e6:.1f} MB, {len(cases)} cases")


def write_requests(
    path: Path,
    model: str,
    levels: Sequence[float],
    cases: Sequence[Case],
    forecasts: Sequence[np.ndarray],
) -> None:
    """Write the cases as requests to the server, each with the package's own forecast."""
    requests = []
    for case, forecast in zip(cases, forecasts, strict=True):
        series: dict[str, object] = {
            "values": list(case.values),
            "season_length": case.season_length,
        }
        if case.start is not None:
            series |= {"start": case.start, "frequency": case.frequency}
        if case.covariates():
            series["covariates"] = case.covariates()
        requests.append(
            {
                "name": case.name,
                "series": series,
                "horizon": case.horizon,
                "quantiles": [[float(value) for value in row] for row in forecast],
            }
        )
    content = {"model": model, "levels": list(levels), "requests": requests}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def with_values(template: str, values: Mapping[str, object]) -> str:
    """Replace the values of some keys of `template`; comments and everything else are kept."""
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        head, opening, body = template, "", template
        if table:
            head, opening, body = template.partition(f"[{table}]\n")
        else:
            head = ""
        changed, count = re.subn(
            rf"^{name} = [^#\n]*?(?=\s*(#|$))",
            functools.partial(_assignment, name, value),
            body,
            count=1,
            flags=re.MULTILINE,
        )
        if count != 1:
            raise ValueError(f"the manifest has no {key}")
        template = head + opening + changed
    return template


def _assignment(name: str, value: object, _match: re.Match[str]) -> str:
    return f"{name} = {json.dumps(value)}"


def golden(checked: Sequence[tuple[Case, np.ndarray]]) -> str:
    """Return golden.json with one line per list of numbers, so that diffs are readable."""
    written = []
    for case, forecast in checked:
        rows = ",\n    ".join(json.dumps([_rounded(value) for value in row]) for row in forecast)
        written.append(
            f'  {{"name": {json.dumps(case.name)},\n'
            f'   "values": {json.dumps(list(case.values))},\n'
            f'   "season_length": {case.season_length}, "horizon": {case.horizon},\n'
            f"{_covariates(case)}"
            f'   "quantiles": [\n    {rows}]}}'
        )
    listed = ",\n".join(written)
    return f'{{"tolerance": {{"relative": {TOLERANCE}}}, "cases": [\n{listed}\n]}}\n'


def _ordered(case: Case, quantiles: np.ndarray, levels: int) -> np.ndarray:
    """Check the package's quantiles and sort them: the server never returns crossing ones."""
    quantiles = np.asarray(quantiles, dtype=np.float64)
    if quantiles.shape != (levels, case.horizon):
        raise ValueError(
            f"{case.name}: quantiles of shape {quantiles.shape}, expected {(levels, case.horizon)}"
        )
    if not np.isfinite(quantiles).all():
        raise ValueError(f"{case.name}: the package returned non-finite values")
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
