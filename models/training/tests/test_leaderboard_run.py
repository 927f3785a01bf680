"""Forecasters of the leaderboard, and the cache of their forecasts."""

import numpy as np
import pytest

from almanac_training.leaderboard import forecasters
from almanac_training.leaderboard.cache import Cache, key
from almanac_training.leaderboard.forecasters import DECILES, Mean
from almanac_training.leaderboard.run import Runner
from almanac_training.leaderboard.tasks import Task, Window

HORIZON = 6
RNG = np.random.default_rng(1)


def window(i: int, season=4) -> Window:
    history = 10.0 + np.tile([0.0, 3.0, 1.0, -2.0], 15) + RNG.normal(0.0, 1.0, 60) + i
    return Window(f"series {i}", history, np.ones(HORIZON), season)


TASK = Task("made up", "kinds", HORIZON, tuple(window(i) for i in range(5)))


class Counting:
    """Forecasts the mean of the history and counts windows; fails for the series in `fails`."""

    cached_as, chunk = "counting-1", 2

    def __init__(self, name="counting", fails=(), offset=0.0):
        self.name, self.fails, self.offset, self.computed = name, fails, offset, 0

    def serves(self, task):
        return True

    def forecast(self, windows, horizon):
        self.computed += len(windows)
        means = [
            np.nan if own.series in self.fails else own.history.mean() + self.offset
            for own in windows
        ]
        return np.tile(np.array(means)[:, None, None], (1, len(DECILES), horizon))


def test_computes_each_forecast_once(tmp_path):
    forecaster = Counting()
    first = Runner(tmp_path).forecast(forecaster, TASK)
    again = Runner(tmp_path, fit=False).forecast(forecaster, TASK)
    assert forecaster.computed == len(TASK.windows)
    assert np.array_equal(first.deciles, again.deciles)


def test_resumes_with_the_missing_windows(tmp_path):
    forecaster = Counting()
    part = Task(TASK.name, TASK.group, HORIZON, TASK.windows[3:])
    Runner(tmp_path).forecast(forecaster, part)
    whole = Runner(tmp_path).forecast(forecaster, TASK)
    assert forecaster.computed == len(TASK.windows)
    assert whole.deciles[:, 0, 0] == pytest.approx([own.history.mean() for own in TASK.windows])


def test_an_interrupted_run_keeps_its_forecasts(tmp_path):
    class Stopped(Counting):
        def forecast(self, windows, horizon):
            if self.computed == 2:
                raise KeyboardInterrupt
            return super().forecast(windows, horizon)

    with pytest.raises(KeyboardInterrupt):
        Runner(tmp_path).forecast(Stopped(), TASK)
    forecaster = Counting()
    Runner(tmp_path).forecast(forecaster, TASK)
    assert forecaster.computed == 3


def test_without_fit_there_is_no_forecast(tmp_path):
    assert Runner(tmp_path, fit=False).forecast(Counting(), TASK) is None


def test_another_version_is_computed_again(tmp_path):
    Runner(tmp_path).forecast(Counting(), TASK)
    newer = Counting()
    newer.cached_as = "counting-2"
    Runner(tmp_path).forecast(newer, TASK)
    assert newer.computed == len(TASK.windows)


def test_the_key_covers_all_inputs():
    own = window(0)
    others = [
        Window(own.series, own.history + 1e-9, own.actual, 4),
        Window(own.series, own.history, own.actual, 12),
        Window(own.series, own.history, own.actual, 4, 12),
    ]
    keys = {key(one, HORIZON) for one in (own, *others)} | {key(own, HORIZON + 1)}
    assert len(keys) == 5
    assert key(own, HORIZON) == key(Window("b", own.history.copy(), own.actual[:1], 4), HORIZON)


def test_a_cache_of_nothing_is_empty(tmp_path):
    assert "a" not in Cache(tmp_path, "made up", "counting-1")


def test_seasonal_naive_replaces_failed_forecasts(tmp_path):
    result = Runner(tmp_path).forecast(Counting(fails=("series 1",)), TASK)
    assert result.failed == 1
    bands = forecasters.NaiveBands().forecast(TASK.windows, HORIZON)
    assert np.array_equal(result.deciles[1], bands[1])


def test_the_mean_is_of_its_members(tmp_path):
    low, high = Counting("low"), Counting("high", offset=2.0)
    high.cached_as = "high-1"
    result = Runner(tmp_path).forecast(Mean("mean", (low, high)), TASK)
    assert result.deciles[0, 4, 0] == pytest.approx(TASK.windows[0].history.mean() + 1.0)


def test_forecasts_of_non_negative_histories_are_non_negative(tmp_path):
    result = Runner(tmp_path).forecast(Counting(offset=-1000.0), TASK)
    assert (result.deciles == 0.0).all()


def test_bands_of_seasonal_naive_widen_by_the_season():
    (deciles,) = forecasters.NaiveBands().forecast(TASK.windows[:1], HORIZON)
    width = deciles[-1] - deciles[0]
    assert np.allclose(width[:4], width[0])
    assert np.allclose(width[4:], np.sqrt(2.0) * width[0])
    assert np.allclose(deciles[4, :4], TASK.windows[0].history[-4:])


def test_a_bundle_gives_its_deciles(bundle_folder):
    known = forecasters.BundleForecaster(bundle_folder)
    unknown = forecasters.BundleForecaster(bundle_folder, season_known=False)
    name = f"{bundle_folder.parent.name}/1"
    assert (known.name, unknown.name) == (name, f"{name}, season unknown")
    deciles = known.forecast(TASK.windows, HORIZON)
    assert deciles.shape == (5, 9, HORIZON)
    assert (np.diff(deciles, axis=1) >= 0.0).all()
    assert not np.allclose(deciles, unknown.forecast(TASK.windows, HORIZON))


@pytest.fixture(scope="module")
def classical():
    reason = "statsforecast comes with the extra `leaderboard`"
    pytest.importorskip("statsforecast", reason=reason)
    from almanac_training.leaderboard import classical

    return classical


def test_gives_ordered_deciles(classical):
    counts = Window("a", RNG.poisson(0.4, 120).astype(float), np.ones(HORIZON), 12)
    task = Task("intermittent", "kinds", HORIZON, (counts,))
    for forecaster in classical.forecasters():
        if isinstance(forecaster, Mean) or not forecaster.serves(task):
            continue
        deciles = forecaster.forecast(task.windows, HORIZON)
        assert deciles.shape == (1, 9, HORIZON), forecaster.name
        assert (np.diff(deciles, axis=1) >= 0.0).all(), forecaster.name


def test_a_fit_that_raises_is_a_failure(classical):
    def broken(window, horizon):
        raise ValueError("no")

    deciles = classical.Classical("broken", broken).forecast(TASK.windows, HORIZON)
    assert deciles.shape == (5, 9, HORIZON) and np.isnan(deciles).all()


def test_own_bands_are_those_of_statsforecast(classical):
    model = classical.models.SeasonalNaive(season_length=4)
    theirs = classical.Classical("naive", lambda window, horizon: model)
    own = forecasters.NaiveBands().forecast(TASK.windows, HORIZON)
    assert own == pytest.approx(theirs.forecast(TASK.windows, HORIZON), rel=0.02)
