"""The model code that every peer runs, so that the peers differ only in the server around it.

A batch goes in and a batch comes out. What happens to a series is what Almanac does to it (see
models/README.md): cut, scaled by a power of two, padded with NaN on the left, run, scaled back, put
in order, clipped. It needs numpy and onnxruntime and nothing else, for it is imported in the
environment of each peer.
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

# What a client means that names a frequency and no season; the ones that the bodies use.
SEASONS = {"h": 24, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4, "YS": 1, "YE": 1}


class Forecaster:
    """One ONNX session, and how its manifest wants to be fed."""

    def __init__(self, bundle: Path) -> None:
        """Opens the bundle with one thread that sleeps when idle, as Almanac does."""
        manifest = tomllib.loads((bundle / "manifest.toml").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            (bundle / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._context = manifest["context"]
        self._season = manifest.get("season_length")
        self._horizon = manifest["horizon"]
        self._output = manifest["output"]
        self._clipped = manifest.get("postprocess", {}).get("non_negative", False)
        self._picked = [self._output["levels"].index(level) for level in LEVELS]

    @classmethod
    def from_environment(cls) -> Forecaster:
        """The bundle that PEER_BUNDLE names: the servers import this, and none takes arguments."""
        return cls(Path(os.environ["PEER_BUNDLE"]))

    def forecast(self, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers to request bodies in Almanac's short form, in their order."""
        horizons = [int(body["horizon"]) for body in bodies]
        values = [np.asarray(body["values"], dtype=np.float64) for body in bodies]
        grids = self.run(values, [season_of(body) for body in bodies], max(horizons))
        return [
            answer(grid[:, :horizon].tolist())
            for grid, horizon in zip(grids, horizons, strict=True)
        ]

    def run(self, series: Sequence[np.ndarray], seasons: Sequence[int], horizon: int) -> np.ndarray:
        """Quantiles `[row, level, step]` of the three levels, for tensors that are arrays already.

        The entry for servers whose protocol parses the numbers itself.
        """
        contexts = self._padded(series)
        scale = self._scale(contexts)
        feed: dict[str, np.ndarray] = {
            self._context["input"]: (contexts / scale[:, None]).astype(np.float32)
        }
        if self._season:
            feed[self._season["input"]] = self._season_input(seasons)
        if self._horizon.get("input"):
            feed[self._horizon["input"]] = np.array(horizon, dtype=np.int64)
        (output,) = self._session.run([self._output["name"]], feed)
        if self._output["axes"][1] == "time":
            output = output.swapaxes(1, 2)
        output = output[:, :, :horizon] * scale[:, None, None]
        return self._finished(output, contexts)

    def _padded(self, series: Sequence[np.ndarray]) -> np.ndarray:
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

    def _season_input(self, seasons: Sequence[int]) -> np.ndarray:
        lengths = np.asarray(seasons, dtype=np.int64)
        usable = (lengths > 1) & (lengths <= self._season["longest"])
        return np.where(usable, lengths, self._season["unknown"])

    def _finished(self, output: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        ordered = np.sort(output, axis=1)[:, self._picked]
        if not self._clipped:
            return ordered
        positive = ~(contexts < 0).any(axis=1)
        return np.where(positive[:, None, None], np.maximum(ordered, 0.0), ordered)


def season_of(body: dict[str, Any]) -> int:
    """Steps per season, given or usual for the frequency; nothing is detected here."""
    return body.get("season_length") or SEASONS.get(body.get("frequency", ""), 1)


def answer(grid: Sequence[Sequence[float]]) -> dict[str, Any]:
    """One row of `run` as the JSON that the peers answer."""
    return {"quantiles": dict(zip(NAMES, grid, strict=True))}
