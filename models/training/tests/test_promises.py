"""Invariants of every bundled model that hold for every series."""

import numpy as np
import pytest

from almanac_training.seasonal.bands import LEVELS, MEDIAN
from almanac_training.seasonal.examples import AIR_PASSENGERS, INTERMITTENT, THROUGH_ZERO

NAN = float("nan")
STEPS = np.arange(300)
RANDOM = np.random.default_rng(7)

# Context and season length; values are of order one, as the server scales them.
SERIES = {
    "air passengers": (np.array(AIR_PASSENGERS) / 256, 12),
    "one point": (np.array([1.3]), 1),
    "two points": (np.array([1.0, 1.2]), 4),
    "three points": (np.array([1.0, 1.2, 0.9]), 12),
    "five points": (np.array([1.0, 1.2, 0.9, 1.4, 1.1]), 4),
    "constant": (np.full(40, 0.7), 12),
    "all zero": (np.zeros(30), 7),
    "all zero but one": (np.where(np.arange(30) == 11, 1.0, 0.0), 7),
    "only the last is not zero": (np.where(np.arange(30) == 29, 1.0, 0.0), 1),
    "intermittent": (np.array(INTERMITTENT), 1),
    "trend through zero": (np.array(THROUGH_ZERO) / 4, 1),
    "negative": (-1.0 - 0.01 * STEPS[:80], 1),
    "level shift": (np.where(STEPS[:120] < 90, 1.0, 3.0) + 0.05 * RANDOM.normal(size=120), 12),
    "exponential growth": (0.001 * 1.06 ** STEPS[:120], 1),
    "30 % missing": (
        np.where(RANDOM.random(96) < 0.3, NAN, 2 + np.sin(np.arange(96) * np.pi / 6)),
        12,
    ),
    "leading missing": (np.r_[[NAN] * 20, np.array(AIR_PASSENGERS[:60]) / 128], 12),
    "trailing missing": (np.r_[np.array(AIR_PASSENGERS[:60]) / 128, [NAN] * 5], 12),
    "one value and a long gap": (np.r_[1.0, [NAN] * 200], 12),
    "season longer than the history": (np.array(AIR_PASSENGERS[:40]) / 128, 52),
    "season as long as the history": (np.array(AIR_PASSENGERS[:24]) / 128, 24),
    "longer than the error window": (
        2 + np.sin(STEPS * 2 * np.pi / 7) + 0.1 * RANDOM.normal(size=300),
        7,
    ),
    "spread over six orders of magnitude": (10 ** RANDOM.uniform(-5, 1, size=50), 4),
}

every_series = pytest.mark.parametrize(
    ("context", "season_length"), SERIES.values(), ids=SERIES.keys()
)


def relative_difference(left, right) -> float:
    return float(np.abs(left - right).max() / max(np.abs(right).max(), 1e-30))


@every_series
def test_is_finite_and_never_crosses(run, context, season_length):
    quantiles = run([context], [season_length], horizon=1024)
    assert quantiles.shape == (1, len(LEVELS), 1024)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@every_series
def test_does_not_explode(run, context, season_length):
    """Even at the longest horizon the median stays within a few ranges of the history."""
    median = run([context], [season_length], horizon=1024)[0, MEDIAN]
    low, high = np.nanmin(context), np.nanmax(context)
    reach = 60 * (high - low) + 1e-4 * abs(high)
    assert low - reach <= median.min() and median.max() <= high + reach


@every_series
def test_a_step_does_not_depend_on_the_horizon(run, context, season_length):
    short = run([context], [season_length], horizon=3)
    long = run([context], [season_length], horizon=50)
    assert relative_difference(short, long[:, :, :3]) < 1e-6


@pytest.mark.parametrize("padding", [1, 37, 500])
@every_series
def test_padding_changes_nothing(run, context, season_length, padding):
    bare = run([context], [season_length], horizon=12)
    padded = run([context], [season_length], horizon=12, padding=padding)
    assert relative_difference(padded, bare) < 2e-6


def test_a_row_does_not_depend_on_its_neighbours(run):
    contexts, season_lengths = zip(*SERIES.values(), strict=True)
    together = run(contexts, season_lengths, horizon=18)
    for row, context, season_length in zip(together, contexts, season_lengths, strict=True):
        alone = run([context], [season_length], horizon=18)[0]
        assert relative_difference(row, alone) < 2e-6


def test_a_row_without_values_does_not_disturb_its_neighbours(run):
    context, season_length = SERIES["air passengers"]
    nothing = np.full(len(context), NAN)
    together = run([nothing, context], [season_length] * 2, horizon=18)
    alone = run([context], [season_length], horizon=18)
    assert relative_difference(together[1:], alone) < 2e-6


@every_series
def test_powers_of_two_scale_exactly(run, context, season_length):
    bare = run([context], [season_length], horizon=12)
    for factor in (2.0**-6, 2.0**9):
        assert np.array_equal(run([context * factor], [season_length], horizon=12), bare * factor)


@every_series
def test_other_factors_scale_closely(run, context, season_length):
    bare = run([context], [season_length], horizon=12)
    scaled = run([context * 0.7], [season_length], horizon=12)
    assert relative_difference(scaled, bare * np.float32(0.7)) < 1e-4


def test_one_point_is_flat_with_a_wide_band(run):
    (quantiles,) = run([[1.0]], [1], horizon=5)
    assert np.allclose(quantiles[MEDIAN], 1.0)
    assert (quantiles[-1] - quantiles[0] > 0.5).all()


def test_a_constant_stays_and_has_no_band(run):
    (quantiles,) = run([np.full(30, 0.7)], [12], horizon=24)
    assert np.allclose(quantiles, 0.7, rtol=1e-5)


def test_zeros_stay_exactly_zero(run):
    assert not run([np.zeros(30)], [12], horizon=24).any()


def test_an_intermittent_series_may_be_zero(run):
    (quantiles,) = run([np.array(INTERMITTENT)], [1], horizon=5)
    assert (quantiles[0] <= 0).all() and (quantiles[-1] > 1).all()


def test_a_pure_season_repeats(run):
    season = np.array([1.0, 2.0, 4.0, 3.0])
    (quantiles,) = run([np.tile(season, 12)], [4], horizon=8)
    assert np.allclose(quantiles[MEDIAN], np.tile(season, 2), rtol=0.01)


def test_a_straight_line_goes_on(run):
    (quantiles,) = run([1.0 + 0.1 * np.arange(40)], [1], horizon=4)
    assert np.allclose(quantiles[MEDIAN], 5.0 + 0.1 * np.arange(4), atol=0.1)


def test_after_a_gap_at_the_end_the_forecast_goes_on_in_phase(run):
    context = np.tile([1.0, 2.0, 4.0, 3.0], 12)
    context[-3:] = NAN
    (quantiles,) = run([context], [4], horizon=4)
    assert np.allclose(quantiles[MEDIAN], [1.0, 2.0, 4.0, 3.0], rtol=0.02)


def test_steps_of_a_gap_are_the_first_steps_of_the_forecast(run):
    context, season_length = SERIES["air passengers"]
    whole = run([context], [season_length], horizon=15)
    gapped = run([np.r_[context, [NAN] * 5]], [season_length], horizon=10)
    assert relative_difference(gapped, whole[:, :, 5:]) < 2e-6
