"""Writing of model bundles: graph, golden forecasts and a manifest with their digests."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from .serving import Bundle

# Golden forecasts are compared relative to the largest value of a case: float32 arithmetic in
# another order differs by about 1e-6, a wrong step by far more than 1e-4.
TOLERANCE = 1e-4
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Example:
    """A request whose forecast is stored in the bundle. None is a missing value."""

    name: str
    values: Sequence[float | None]
    season_length: int
    horizon: int


def manifest(
    name: str, version: str, description: str, levels: Sequence[float], unknown: int
) -> str:
    """Return the manifest template that the bundled models share, for `write`.

    `unknown` is the season length that stands for "no season". The graphs are marked as optimized:
    ONNX Runtime takes 150 ms to optimize their many small nodes, and gains 2 %.
    """
    return f"""\
format = 1
name = "{name}"
version = "{version}"
description = "{description}"
licence = "Apache-2.0"
optimized = true

[files]
{{files}}

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 2048
pad = "left"
missing = "nan"
scaling = "mean_abs"

[season_length]
input = "season_length"
type = "int64"
unknown = {unknown}
longest = 1024

[horizon]
input = "horizon"
type = "int64"
native = 1024
longest = 1024

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = {list(levels)}

[postprocess]
non_negative = true
"""


def write(folder: Path, model: onnx.ModelProto, manifest: str, examples: Sequence[Example]) -> None:
    """Write a bundle; `manifest` is a template with `{files}` in place of the [files] table."""
    encoded = model.SerializeToString(deterministic=True)
    bundle = Bundle(tomllib.loads(manifest.format(files="")), encoded)
    files = {"model.onnx": encoded, "golden.json": _golden(bundle, examples).encode()}
    digests = "\n".join(
        f'"{name}" = "sha256:{hashlib.sha256(content).hexdigest()}"'
        for name, content in files.items()
    )
    files["manifest.toml"] = manifest.format(files=digests).encode()

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _golden(bundle: Bundle, examples: Sequence[Example]) -> str:
    """Return golden.json with one line per list of numbers, so that diffs are readable."""
    cases = []
    for example in examples:
        values = np.array(example.values, dtype=np.float64)
        (quantiles,) = bundle.forecast([values], [example.season_length], example.horizon)
        rows = ",\n    ".join(json.dumps([_rounded(value) for value in row]) for row in quantiles)
        cases.append(
            f'  {{"name": {json.dumps(example.name)},\n'
            f'   "values": {json.dumps(list(example.values))},\n'
            f'   "season_length": {example.season_length}, "horizon": {example.horizon},\n'
            f'   "quantiles": [\n    {rows}]}}'
        )
    listed = ",\n".join(cases)
    return f'{{"tolerance": {{"relative": {TOLERANCE}}}, "cases": [\n{listed}\n]}}\n'


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
