"""Rows of features for trees, as the manifests of the examples list them. Needs numpy alone."""

from __future__ import annotations

import numpy as np

LAGS = 12


def lags(values: np.ndarray) -> list[float]:
    """The last value, the one before it, and so on."""
    return [float(value) for value in values[: -LAGS - 1 : -1]]


def filled(values: np.ndarray) -> np.ndarray:
    """Lines through what is missing, level at the ends."""
    seen = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), seen, values[seen])
