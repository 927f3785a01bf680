"""Cache of forecasts on disk, one file per set and method: fits take minutes.

The key of a forecast is a hash of its inputs, so that a set may grow, shrink or be reordered and
still find its entries; the version of the method is part of the file name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .tasks import Window


def key(window: Window, horizon: int) -> str:
    """Return a hash of all inputs of a forecast, except for the method."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(window.history, dtype=np.float64).tobytes())
    digest.update(f"{window.season_length} {window.second_season} {horizon}".encode())
    return digest.hexdigest()


class Cache:
    """The stored forecasts of one method on one set."""

    def __init__(self, folder: Path, task: str, method: str):
        self.path = folder / _slug(task) / f"{_slug(method)}.npz"
        self.known: dict[str, np.ndarray] = {}
        if self.path.exists():
            with np.load(self.path) as arrays:
                self.known = dict(zip(arrays["keys"].tolist(), arrays["deciles"], strict=True))

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def take(self, keys: Sequence[str]) -> np.ndarray:
        return np.array([self.known[key] for key in keys])

    def add(self, keys: Sequence[str], deciles: np.ndarray) -> None:
        self.known.update(zip(keys, deciles, strict=True))

    def save(self) -> None:
        """Write the file atomically: an interrupted run keeps the previous content."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part.npz")
        np.savez(part, keys=list(self.known), deciles=np.array(list(self.known.values())))
        os.replace(part, self.path)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
