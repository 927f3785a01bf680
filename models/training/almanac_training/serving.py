"""Python twin of the server's pre- and postprocessing, to build golden forecasts and to evaluate.

The server is the reference; this copy makes it possible to build and score a bundle without it.
Both must agree within the tolerance of `golden.json`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def mean_absolute_scale(values: np.ndarray) -> float:
    """Return the power of two nearest (in the exponent) to the mean absolute value; 1 if that is 0.

    Scaling by a power of two changes only the exponent of a number, none of its digits.
    """
    mean = np.nanmean(np.abs(values))
    return float(2.0 ** np.round(np.log2(mean))) if mean > 0.0 else 1.0


class Bundle:
    """One model version, loaded into ONNX Runtime."""

    def __init__(self, manifest: dict[str, Any], model: bytes, threads: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.manifest = manifest
        self.levels: list[float] = manifest["output"]["levels"]
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Bundle:
        manifest = tomllib.loads((folder / "manifest.toml").read_text())
        return cls(manifest, (folder / "model.onnx").read_bytes(), threads)

    def forecast(
        self, series: Sequence[np.ndarray], season_lengths: Sequence[int], horizon: int
    ) -> np.ndarray:
        """Return quantiles [series, level, horizon] of a batch, in the units of each series."""
        contexts = [self._context(values) for values in series]
        scales = np.array([mean_absolute_scale(context) for context in contexts])
        longest = max(len(context) for context in contexts)
        batch = np.full((len(contexts), longest), np.nan, dtype=np.float32)
        for row, context, scale in zip(batch, contexts, scales, strict=True):
            row[longest - len(context) :] = context / scale

        feeds = {
            self.manifest["context"]["input"]: batch,
            self.manifest["season_length"]["input"]: np.array(
                [self._season_length(length) for length in season_lengths], dtype=np.int64
            ),
            self.manifest["horizon"]["input"]: np.array(horizon, dtype=np.int64),
        }
        (outputs,) = self.session.run([self.manifest["output"]["name"]], feeds)
        quantiles = outputs.astype(np.float64) * scales[:, None, None]
        if self.manifest["postprocess"]["non_negative"]:
            for row, context in zip(quantiles, contexts, strict=True):
                if np.nanmin(context) >= 0.0:
                    np.maximum(row, 0.0, out=row)
        return quantiles

    def _context(self, values: np.ndarray) -> np.ndarray:
        context = np.asarray(values, dtype=np.float64)[-self.manifest["context"]["max_length"] :]
        if not np.isfinite(context).any():
            raise ValueError("a context needs at least one observed value")
        return context

    def _season_length(self, season_length: int) -> int:
        limits = self.manifest["season_length"]
        return season_length if 1 <= season_length <= limits["longest"] else limits["unknown"]
