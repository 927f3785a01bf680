"""The held-out series: a stable choice with the stated shares."""

import pytest

from almanac_training.data.split import is_held_out

NAMES = [f"series {i}" for i in range(20_000)]


def held_out(season: int) -> list[str]:
    return [name for name in NAMES if is_held_out("made up", name, season)]


@pytest.mark.parametrize("season", [1, 4, 12])
def test_one_in_twenty_of_the_common_seasons(season):
    assert len(held_out(season)) / len(NAMES) == pytest.approx(1 / 20, abs=0.005)


@pytest.mark.parametrize("season", [0, 7, 24, 48, 52, 168, 336, 364, 365])
def test_one_in_five_of_the_others(season):
    assert len(held_out(season)) / len(NAMES) == pytest.approx(1 / 5, abs=0.01)


def test_never_changes():
    assert held_out(12)[:4] == ["series 13", "series 21", "series 25", "series 29"]
    assert held_out(24)[:4] == ["series 5", "series 8", "series 9", "series 13"]


def test_the_same_name_in_another_source_has_its_own_side():
    sides = [is_held_out(f"source {i}", "a", 24) for i in range(20)]
    assert any(sides) and not all(sides)


def test_half_hourly_demand_is_always_held_out():
    assert is_held_out("forecast", "taylor", 336)
