"""The model code that every peer runs, so that peers differ only in the server around it.

It maps a batch to a batch. A series is processed as by Almanac (see models/README.md): truncated,
scaled by a power of two, padded with NaN on the left, run, rescaled, sorted and clipped. Only numpy
and onnxruntime are needed, since the module is imported in the environment of each peer.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

LEVELS = (0.1, 0.5, 0.9)
NAMES = tuple(str(level) for level in LEVELS)

# Default season length of the frequencies that the bodies use.
SEASONS = {"h": 24, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4, "YS": 1, "YE": 1}

# Series of different lengths, or of one length as [row, time].
Rows = Sequence[np.ndarray] | np.ndarray


class Forecaster:
    """An ONNX session and the inputs that its manifest describes."""

    def __init__(self, bundle: Path) -> None:
        """Open the bundle with one thread that sleeps when idle, as Almanac does."""
        manifest = tomllib.loads((bundle / "manifest.toml").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            (bundle / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._context: dict[str, Any] = manifest["context"]
        self._season: dict[str, Any] | None = manifest.get("season_length")
        self._horizon = manifest["horizon"]
        self._output = manifest["output"]
        self._clipped = manifest.get("postprocess", {}).get("non_negative", False)
        self._picked = [self._output["levels"].index(level) for level in LEVELS]

    @classmethod
    def from_environment(cls) -> Forecaster:
        """Open the bundle in PEER_BUNDLE: servers import this and take no arguments."""
        return cls(Path(os.environ["PEER_BUNDLE"]))

    def forecast(self, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the responses to request bodies in Almanac's short form, in order."""
        horizons = [int(body["horizon"]) for body in bodies]
        values = [np.asarray(body["values"], dtype=np.float64) for body in bodies]
        grids = self.run(values, [season_of(body) for body in bodies], max(horizons))
        return [
            response(grid[:, :horizon].tolist())
            for grid, horizon in zip(grids, horizons, strict=True)
        ]

    def run(self, series: Rows, seasons: Sequence[int] | np.ndarray, horizon: int) -> np.ndarray:
        """Return quantiles `[row, level, step]` of the three levels, for parsed tensors.

        Servers whose protocol parses the numbers itself call this.
        """
        contexts = self._padded(series)
        scale = self._scale(contexts)
        feed: dict[str, np.ndarray] = {
            self._context["input"]: (contexts / scale[:, None]).astype(np.float32)
        }
        if self._season:
            feed[self._season["input"]] = _season_input(self._season, seasons)
        if self._horizon.get("input"):
            feed[self._horizon["input"]] = np.array(horizon, dtype=np.int64)
        (output,) = self._session.run([self._output["name"]], feed)
        if self._output["axes"][1] == "time":
            output = output.swapaxes(1, 2)
        output = output[:, :, :horizon] * scale[:, None, None]
        return self._finished(output, contexts)

    def _padded(self, series: Rows) -> np.ndarray:
        tails = [values[-self._context["max_length"] :] for values in series]
        width = max(len(tail) for tail in tails)
        if all(len(tail) == width for tail in tails):
            return np.stack(tails)
        contexts = np.full((len(tails), width), np.nan)
        for row, tail in zip(contexts, tails, strict=True):
            row[width - len(tail) :] = tail
        return contexts

    def _scale(self, contexts: np.ndarray) -> np.ndarray:
        if self._context["scaling"] == "none":
            return np.ones(len(contexts))
        magnitude = np.nanmean(np.abs(contexts), axis=1)
        magnitude[magnitude == 0] = 1.0
        return np.exp2(np.rint(np.log2(magnitude)))

    def _finished(self, output: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        ordered = np.sort(output, axis=1)[:, self._picked]
        if not self._clipped:
            return ordered
        positive = np.logical_not(np.any(contexts < 0, axis=1))
        return np.where(positive[:, None, None], np.maximum(ordered, 0.0), ordered)


def _season_input(limits: dict[str, Any], seasons: Sequence[int] | np.ndarray) -> np.ndarray:
    lengths = np.asarray(seasons, dtype=np.int64)
    usable = (lengths > 1) & (lengths <= limits["longest"])
    return np.where(usable, lengths, limits["unknown"])


def season_of(body: dict[str, Any]) -> int:
    """Return the given season length, or the default of the frequency; nothing is detected."""
    return body.get("season_length") or SEASONS.get(body.get("frequency", ""), 1)


def response(grid: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return one row of `run` as the JSON response of the peers."""
    return {"quantiles": dict(zip(NAMES, grid, strict=True))}
