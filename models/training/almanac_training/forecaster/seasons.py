"""Seasonal indices of two seasons, in several versions for the gate to choose from.

The first season is the one that the graph is told. Where it is a day cut into hours or
minutes, or a week of days, there may be a second one: seven times as long, or a year.
It is sought in what the first leaves over, and smoothed where it has many phases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..seasonal.history import History
from ..seasonal.season import one_unless
from ..tensor import FLOAT, INT, Tensor, arange, branch, concatenate, where
from .profile import LONGEST, Profile, estimate_profile, smooth

CYCLES, SECOND_CYCLES = 12, 6

# A season of days or of business days has the year as its second season.
YEARS = {7: 364, 5: 260}
DAYS_PER_WEEK, HOURS_PER_DAY = 7, 24

# From so many phases on, the first season has a smoothed version.
MANY_PHASES = 20


@dataclass
class Seasons:
    length: Tensor  # [B, 1, 1], of the first season
    index: Tensor  # [B, V, n], of the first season at the places asked for
    other: Tensor  # [B, V, n], of both where there are two, else smoothed and not shrunk
    fast: Tensor  # [B, V, K], of the first season, mostly from its last cycle
    spread: Tensor  # [B, 1, K], log of the spread of the phase against that of all
    naive: Tensor  # [B, 3, K], raw values one season, two seasons, one second season ago
    known: Tensor  # [B, 3, K], one where there is such a value
    kept: Tensor  # [B, V, 1], share of the indices' variance that is not noise
    strength: Tensor  # [B, V, 1], standard deviation of the indices
    has_second: Tensor  # [B, 1, 1], bool
    second_kept: Tensor  # [B, 1, 1], of the raw values
    second_strength: Tensor  # [B, 1, 1]


def estimate(
    history: History, season_length: Tensor, back: Tensor, steps: Tensor, places: Tensor
) -> Seasons:
    """Indices `places` [B, 1, n] steps before the last value, which hold -`steps`.

    `season_length` is [B]; 0, 1 and what is longer than the history are no season. `steps`
    [B, 1, K] are counted from the last observed value, and `back` is minus that.
    """
    length = season_length.unsqueeze(1, 2)
    usable = (length > 1) & (length < history.span) & (length <= LONGEST)
    length = one_unless(usable, length)
    first = estimate_profile(history, length, CYCLES)

    phase = _twice(places % length)
    index = first.shrunk.take_along(phase, 2)
    longest = length.max(0, 1, 2, keepdims=False)
    (smoothed,) = branch(
        longest >= MANY_PHASES,
        lambda: [smooth(first.plain, length, first.inside).take_along(phase, 2)],
        lambda: [first.plain.take_along(phase, 2)],
    )
    own_phase = back % length
    naive, known = _naive(history, length, steps)

    second_length = _second_length(length)
    has_second = (second_length > 1) & (second_length < history.span)
    second_length = one_unless(has_second, second_length)

    def two() -> list[Tensor]:
        return _add_second(history, first, second_length, places, index, smoothed, steps)

    def one() -> list[Tensor]:
        nothing, never = history.positive * 0.0, steps.cast(FLOAT) * 0.0
        return [smoothed, never, never, nothing, nothing]

    any_second = second_length.max(0, 1, 2, keepdims=False) > 1
    other, second, second_known, second_kept, second_strength = branch(any_second, two, one)
    return Seasons(
        length=length,
        index=index,
        other=other,
        fast=first.fast.take_along(_twice(own_phase), 2),
        spread=first.spread.take_along(own_phase, 2),
        naive=concatenate([naive, second], axis=1),
        known=concatenate([known, second_known], axis=1),
        kept=first.kept,
        strength=first.strength,
        has_second=has_second,
        second_kept=second_kept,
        second_strength=second_strength,
    )


def _add_second(
    history: History,
    first: Profile,
    length: Tensor,
    places: Tensor,
    index: Tensor,
    smoothed: Tensor,
    steps: Tensor,
) -> list[Tensor]:
    """The alternative index, seasonal naive of the second season, its worth and strength."""
    every = history.length - 1 - arange(history.length).unsqueeze(0, 1)
    own = first.shrunk.take_along(_twice(every % first.length), 2)
    rest = replace(history, variants=(history.variants - own) * history.observed)
    second = estimate_profile(rest, length, SECOND_CYCLES)
    table = smooth(second.shrunk, length, second.inside)
    two = index + table.take_along(_twice(places % length), 2)
    has_second = length > 1
    naive, known = _values_at(history, _season_before(history, length, steps))
    return [
        where(has_second, two, smoothed),
        naive,
        known * has_second.cast(FLOAT),
        second.kept.slice(1, 0, 1),
        second.strength.slice(1, 0, 1),
    ]


def _second_length(length: Tensor) -> Tensor:
    """Seven times a season that is a day; a year for a week; else 1."""
    is_day = (length % HOURS_PER_DAY < 1) & (length * DAYS_PER_WEEK <= LONGEST)
    second = one_unless(is_day, DAYS_PER_WEEK * length)
    for week, year in YEARS.items():
        second = second + length.equals(week).cast(INT) * (year - 1)
    return second


def _naive(history: History, length: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Values one and two seasons before each step, [B, 2, K], and which of them are known."""
    once = _season_before(history, length, steps)
    sources = concatenate([once, once - length], axis=2)
    value, known = _values_at(history, sources)
    return value.reshape(0, 2, -1), known.reshape(0, 2, -1)


def _season_before(history: History, length: Tensor, steps: Tensor) -> Tensor:
    """Where in the history the latest value of each step's phase stands."""
    beyond = steps + length - 1
    return history.length - 1 + steps - (beyond - beyond % length)


def _values_at(history: History, source: Tensor) -> tuple[Tensor, Tensor]:
    exists = (source >= 0).cast(FLOAT)
    source = source.maximum(0)
    value = history.variants.slice(1, 0, 1).take_along(source, 2)
    return value, history.observed.take_along(source, 2) * exists


def _twice(indices: Tensor) -> Tensor:
    """For both channels."""
    return concatenate([indices, indices], axis=1)
