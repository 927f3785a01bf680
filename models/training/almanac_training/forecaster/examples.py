"""Requests of the golden forecasts, which every copy of the bundle must reproduce."""

from __future__ import annotations

import math

from ..bundle import Example
from ..seasonal.examples import AIR_PASSENGERS
from ..seasonal.examples import EXAMPLES as SEASONAL_EXAMPLES

# Three weeks of hours with daily and weekly cycles, without noise, so that no data file is needed.
WEEKS_OF_HOURS = tuple(
    round(500 + 200 * math.sin(math.tau * hour / 24) - (120 if hour // 24 % 7 > 4 else 0))
    for hour in range(3 * 168)
)

LEVEL_SHIFT = (20, 22, 19, 21, 20, 23, 21, 20, 22, 19, 48, 51, 49, 50, 52, 50)

EXAMPLES = (
    *SEASONAL_EXAMPLES,
    Example("season not known", AIR_PASSENGERS, season_length=0, horizon=12),
    Example("two seasons", WEEKS_OF_HOURS, season_length=24, horizon=48),
    Example("level shift", LEVEL_SHIFT, season_length=1, horizon=6),
    Example("farther than trained", AIR_PASSENGERS, season_length=12, horizon=300),
)
