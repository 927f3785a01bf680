"""Constants that the PyTorch modules and the ONNX graph share.

The gate produces its output at a few steps ahead, the knots; between them everything is linear in
the logarithm of the step. At every knot it gives the weights of all experts, which sum to one, and
the values of `EXTRAS`, which shape the quantiles around the mixed forecast.
"""

from __future__ import annotations

import numpy as np

from . import evidence, lines

KNOTS = (1, 2, 3, 4, 6, 9, 13, 18, 26, 38, 64, 128, 256)
LOG_KNOTS = np.log(KNOTS)

CHANNELS, ROWS = evidence.CHANNELS, lines.ROWS
LINES = ROWS * len(lines.EXPERTS)
# Seasonal naive, its mean over two seasons, the second season's, the mean of all, zero.
OTHERS = 5
EXPERTS = LINES + OTHERS

QUANTILES = len(evidence.LEVELS)
MEDIAN = evidence.LEVELS.index(0.5)
EXTRAS = {
    "fast": CHANNELS,  # share of the last cycle in the first season
    "recent": 1,  # share of the distribution of the last values
    "shift": 1,  # shift of the median
    "width": 1,  # logarithm of the width relative to the noise
    "doubt": 1,  # weight of the experts' disagreement in the width
    "growth": 1,  # growth of the width with the forecast
    "phase": 1,  # influence of the phase's spread on the width
    "gaps": QUANTILES - 1,  # between neighbouring quantiles
}
OUTPUTS = EXPERTS + sum(EXTRAS.values())

# The network between features and knots.
WIDTH, BLOCKS = 384, 3
EPSILON = 1e-5

# Standardized features are clipped here, so that unseen values have a bounded effect.
MAX_FEATURE = 5.0

# A forecast leaves the range of the history by at most this many times the width of the range.
MAX_EXCURSION = 3.0
MAX_LOGARITHM = 20.0

# Relative to the current level, the bounds within which the level affects the width.
MIN_LEVEL, MAX_GROWTH = 0.05, 3.0

# Growth of the width beyond the last knot, as a power of the step, from the last three knots.
MAX_FAR_GROWTH = 0.5
FAR_KNOT = -3

# A logarithm so small that its exponential is zero in float32.
LOG_ZERO = -1e4
TINY = 1e-6


def _is_logarithm() -> np.ndarray:
    rows = np.zeros((ROWS, len(lines.EXPERTS)), dtype=np.float32)
    rows[1::CHANNELS] = 1.0
    return np.concatenate([rows.ravel(), np.zeros(OTHERS, dtype=np.float32)])


def _groups() -> np.ndarray:
    dampings = [expert.damping for expert in lines.EXPERTS]
    return np.equal.outer(dampings, lines.DAMPINGS).astype(np.float32)


def _shape() -> np.ndarray:
    """Return [QUANTILES, gaps and shift]: sums of the gaps from the median outwards."""
    quantile = np.arange(QUANTILES)[:, None]
    gap = np.arange(QUANTILES - 1)
    above = (gap >= MEDIAN) & (gap < quantile)
    below = (gap < MEDIAN) & (gap >= quantile)
    sums = above.astype(np.float32) - below
    return np.concatenate([sums, np.ones((QUANTILES, 1))], axis=1).astype(np.float32)


IS_LOGARITHM = _is_logarithm()  # [EXPERTS]
GROUPS = _groups()  # [E, DAMPINGS]
SHAPE = _shape()
# Cumulative damped steps of every expert's slope at every knot, [J, E].
KNOT_STEPS = np.stack(
    [lines.damped_steps(expert.damping, np.array(KNOTS)) for expert in lines.EXPERTS], axis=1
).astype(np.float32)
