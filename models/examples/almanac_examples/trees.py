"""Features for tree models, as listed in the manifests of the examples. Needs numpy only."""

from __future__ import annotations

import numpy as np

LAGS = 12


def lags(values: np.ndarray) -> list[float]:
    """Return the last values, most recent first."""
    return [float(value) for value in values[: -LAGS - 1 : -1]]


def filled(values: np.ndarray) -> np.ndarray:
    """Interpolate missing values linearly, constant at the ends."""
    seen = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), seen, values[seen])
