"""Test sets by kind of data, cut from held-out series.

Long series yield several windows, so scores within a set are less independent than the number of
windows suggests; the tables show the number of series too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import corpus, packaged, simulated
from .corpus import HeldOut
from .tasks import FIVE_KINDS, MADE_UP, Task, Window, cut

# Maximum number of series per family, that is of similar series published together.
MAX_PER_FAMILY = 15

# Share of zeros from which a series counts as intermittent, regardless of its season.
INTERMITTENT_ZEROS = 0.25

# Held-out series that would not be a fair test: prefix of the name, and the reason.
EXCLUDED = {
    "fpp2/elecdaily": "daily means of fpp2/elecdemand",
    "fpp2/elecdemand": "a year of tsibbledata/vic_elec",
    "fpp3/aus_accommodation": "quarterly, and dated as if daily",
    "tsibbledata/gafa_stock": "the prices of a stock on one day are much the same",
    "tsibbledata/vic_elec..Date": "no measurement",
}


# 336 if the week is given as the only season.
HALF_HOURLY_SEASONS = (48, 336)


@dataclass(frozen=True)
class Kind:
    """A test set: `seasons` it takes from the corpus, and at most `windows` per series.

    `context`, `min_history` and `horizon` are in steps.
    """

    name: str
    seasons: tuple[int, ...]
    context: int
    min_history: int
    horizon: int
    windows: int


INTERMITTENT = Kind("intermittent", (), context=512, min_history=60, horizon=24, windows=9)
KINDS = (
    Kind("hourly", (24,), context=1024, min_history=336, horizon=48, windows=12),
    Kind("half-hourly", HALF_HOURLY_SEASONS, context=2016, min_history=672, horizon=48, windows=12),
    Kind("daily", (5, 7), context=1024, min_history=180, horizon=30, windows=5),
    Kind("weekly", (52,), context=260, min_history=60, horizon=13, windows=2),
    INTERMITTENT,
)


def load(folder: Path) -> list[Task]:
    """Load the five kinds, then the synthetic sets."""
    series = [*corpus.held_out(folder), *packaged.series()]
    real = _select([*series, *map(hourly_means, filter(_is_half_hourly, series))])
    tasks = [_task(kind, real.get(kind.name, []), kind.name, FIVE_KINDS) for kind in KINDS]
    by_name = {kind.name: kind for kind in KINDS}
    for name, synthetic in (
        ("hourly", map(hourly_means, simulated.half_hourly())),
        ("half-hourly", simulated.half_hourly()),
        ("intermittent", simulated.intermittent()),
    ):
        tasks.append(_task(by_name[name], synthetic, f"{name} (made up)", MADE_UP))
    return [task for task in tasks if task.windows]


def _is_half_hourly(series: HeldOut) -> bool:
    return series.season_length in HALF_HOURLY_SEASONS and not _is_excluded(series)


def _is_excluded(series: HeldOut) -> bool:
    return f"{series.source}/{series.name}".startswith(tuple(EXCLUDED))


def hourly_means(series: HeldOut) -> HeldOut:
    """Return the hourly means of a half-hourly series."""
    pairs = series.values[: len(series.values) // 2 * 2].reshape(-1, 2)
    return HeldOut(series.source, f"{series.name} each 1 h", pairs.mean(axis=1), 24, 168)


def kind_of(series: HeldOut) -> Kind | None:
    """Return the kind of a series, or None if no set takes it."""
    if _is_excluded(series):
        return None
    longest = max(series.season_length, series.second_season)
    if longest > 1 and series.zeros >= INTERMITTENT_ZEROS:
        return INTERMITTENT
    return next((kind for kind in KINDS if series.season_length in kind.seasons), None)


def _select(series: Iterable[HeldOut]) -> dict[str, list[HeldOut]]:
    """Group the series by kind, with at most MAX_PER_FAMILY of each family."""
    chosen: dict[str, list[HeldOut]] = {}
    families: Counter[tuple[str, str]] = Counter()
    for one in series:
        kind = kind_of(one)
        if kind is None or families[kind.name, one.family] == MAX_PER_FAMILY:
            continue
        families[kind.name, one.family] += 1
        chosen.setdefault(kind.name, []).append(one)
    return chosen


def _task(kind: Kind, series: Iterable[HeldOut], name: str, group: str) -> Task:
    windows: list[Window] = []
    for one in series:
        season, second = one.season_length, one.second_season
        if season == 336:
            season, second = 48, 336
        pairs = cut(one.values, kind.context, kind.min_history, kind.horizon, kind.windows)
        label = f"{one.source}/{one.name}"
        windows += [Window(label, history, actual, season, second) for history, actual in pairs]
    return Task(name, group, kind.horizon, tuple(windows))
