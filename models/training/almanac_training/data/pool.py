"""Training examples: the evidence of each window, computed once and stored in files.

The evidence has no trained parameters, so it is computed beforehand, by ONNX Runtime and with the
same graph that is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from ..forecaster import evidence, graph
from .window import Window

# Steps kept of each future. Near ones are drawn more often: 1 / (h + NEARNESS).
STEPS = 24
NEARNESS = 4.0

# Windows that are sorted by length together, and windows per batch.
SORTED, BATCH = 4096, 128

# Lower bound of the error scale, as a share of the mean step of the series: a series that hardly
# moves would otherwise dominate the loss.
MIN_SCALE = 0.5

Progress = Callable[[int], None]

FIELDS: Mapping[str, npt.DTypeLike] = {
    "features": np.float16,
    "target": np.float32,  # [N, STEPS], in units of the context's scale; NaN where unknown
    "steps": np.int16,  # [N, STEPS], counted from the last observed value
    "error_scale": np.float32,  # [N], mean absolute error of seasonal naive within the context
    "season_length": np.int16,  # [N], 1 if there is none
} | {name: np.float32 for name in evidence.NAMES if name != "features"}


class Builder:
    """Computes the evidence of windows in batches."""

    def __init__(self, threads: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        model = graph.build_evidence().SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        self.names = [*evidence.NAMES, "scale"]

    def build(
        self, random: np.random.Generator, windows: Iterable[Window], progress: Progress
    ) -> dict[str, np.ndarray]:
        """Return the arrays named in `FIELDS`, with the windows in random order."""
        blocks: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS}
        remaining = iter(windows)
        while chunk := list(islice(remaining, SORTED)):
            chunk.sort(key=lambda window: len(window.context))
            for start in range(0, len(chunk), BATCH):
                batch = chunk[start : start + BATCH]
                for name, array in self._run(random, batch).items():
                    blocks[name].append(array.astype(FIELDS[name]))
                progress(len(batch))
        joined = {name: np.concatenate(arrays) for name, arrays in blocks.items()}
        usable = np.isfinite(joined["error_scale"]) & (joined["error_scale"] > 0.0)
        usable &= np.isfinite(joined["features"].astype(np.float32)).all(axis=1)
        order = random.permutation(np.flatnonzero(usable))
        return {name: array[order] for name, array in joined.items()}

    def _run(self, random: np.random.Generator, windows: list[Window]) -> dict[str, np.ndarray]:
        longest = max(len(window.context) for window in windows)
        context = np.full((len(windows), longest), np.nan, dtype=np.float32)
        for row, window in zip(context, windows, strict=True):
            size = np.nanmean(np.abs(window.context))
            row[longest - len(window.context) :] = window.context / (size or 1.0)
        steps = np.stack([_draw_steps(random, len(window.future)) for window in windows])
        season_lengths = np.array([window.given_season for window in windows], dtype=np.int64)
        feeds = {"context": context, "season_length": season_lengths, "steps": steps}
        found = dict(zip(self.names, self.session.run(self.names, feeds), strict=True))
        inner = found.pop("scale")[:, 0, 0]
        sizes = np.array([np.nanmean(np.abs(window.context)) or 1.0 for window in windows])
        scale = sizes * inner
        future = [
            window.future[window_steps - 1]
            for window, window_steps in zip(windows, steps, strict=True)
        ]
        trailing = np.array([_trailing(window.context) for window in windows])
        return found | {
            "target": np.stack(future) / scale[:, None],
            "steps": steps + trailing[:, None],
            "error_scale": np.array([_error_scale(window) for window in windows]) / scale,
            "season_length": np.array([window.season_length for window in windows]),
        }


def _draw_steps(random: np.random.Generator, available: int) -> np.ndarray:
    """Draw STEPS steps ahead, ascending; repeats them if fewer are available."""
    if available <= STEPS:
        return np.resize(np.arange(1, available + 1), STEPS)
    steps = np.arange(1, available + 1)
    chances = 1.0 / (steps + NEARNESS)
    return np.sort(random.choice(steps, STEPS, replace=False, p=chances / chances.sum()))


def _trailing(context: np.ndarray) -> int:
    """Return the number of missing values at the end."""
    return len(context) - 1 - int(np.flatnonzero(np.isfinite(context))[-1])


def _error_scale(window: Window) -> float:
    """Return the mean absolute error of seasonal naive; NaN for a constant or a single value."""
    values = window.context
    steps = np.abs(np.diff(values))
    if not np.isfinite(steps).any():
        return float("nan")
    step = float(np.nanmean(steps))
    season = window.season_length
    if len(values) <= season:
        return step if step > 0.0 else float("nan")
    errors = np.abs(values[season:] - values[:-season])
    if not np.isfinite(errors).any():
        return step
    return max(float(np.nanmean(errors)), MIN_SCALE * step)


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def load(paths: Iterable[Path]) -> dict[str, np.ndarray]:
    """Load and concatenate the shards that `save` wrote."""
    loaded = [np.load(path) for path in paths]
    return {name: np.concatenate([file[name] for file in loaded]) for name in FIELDS}


def batches(random: np.random.Generator, size: int, count: int) -> Iterator[np.ndarray]:
    """Yield random disjoint batches of `size` indices below `count`; the remainder is dropped."""
    order = random.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]
