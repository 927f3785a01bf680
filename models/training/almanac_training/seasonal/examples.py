"""Requests of the golden forecasts, which every copy of the bundle must reproduce."""

from __future__ import annotations

from ..bundle import Example

# International airline passengers in thousands, 1949 to 1960 (Box and Jenkins, 1976).
AIR_PASSENGERS = (
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118,
    115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140,
    145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166,
    171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194,
    196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201,
    204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229,
    242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278,
    284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306,
    315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336,
    340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337,
    360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,
    417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
)  # fmt: skip


def _with_gaps(values: tuple[int, ...]) -> list[int | None]:
    """Remove every fifth value, and the last two, which a forecast has to bridge."""
    gapped: list[int | None] = [None if i % 5 == 3 else value for i, value in enumerate(values)]
    gapped[-2:] = [None, None]
    return gapped


INTERMITTENT = (
    0, 0, 3, 0, 0, 0, 1, 0, 0, 5, 0, 0, 0, 0, 2,
    0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1,
)  # fmt: skip

THROUGH_ZERO = (-9, -8.5, -6.8, -6.1, -5.4, -3.7, -3.2, -1.8, -0.9, 0.3, 1.2, 1.9, 3.4, 3.8, 5.1)

QUARTERLY = (31, 45, 52, 38, 34, 49, 57, 41, 37, 52, 61, 44, 39, 57)

EXAMPLES = (
    Example("air passengers", AIR_PASSENGERS, season_length=12, horizon=12),
    Example("missing values", _with_gaps(AIR_PASSENGERS), season_length=12, horizon=18),
    Example("one point", (42,), season_length=1, horizon=3),
    Example("three points", (10, 12, 13), season_length=12, horizon=4),
    Example("constant", (7,) * 24, season_length=12, horizon=6),
    Example("all zero", (0,) * 16, season_length=4, horizon=4),
    Example("intermittent", INTERMITTENT, season_length=1, horizon=5),
    Example("trend through zero", THROUGH_ZERO, season_length=1, horizon=6),
    Example("short season", QUARTERLY, season_length=4, horizon=8),
    Example("season longer than the history", QUARTERLY, season_length=52, horizon=4),
)
