"""Test sets of held-out windows, on a constructed corpus."""

from itertools import pairwise

import numpy as np
import pytest

import leaderboard
from almanac_training.data.split import is_held_out
from almanac_training.leaderboard import corpus, kinds, packaged, simulated, tasks
from almanac_training.leaderboard.corpus import HeldOut

SEASONS = {7: 400, 24: 1300, 48: 2200, 52: 200}
PER_SEASON = 20
NAMES = [f"{i}.x" for i in range(PER_SEASON * len(SEASONS))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write twenty series of each season; every tenth is mostly zero."""
    rng = np.random.default_rng(0)
    seasons = [season for season in SEASONS for _ in range(PER_SEASON)]
    series = [rng.normal(10.0, 1.0, SEASONS[season]) for season in seasons]
    for i in range(9, len(series), 10):
        series[i][: len(series[i]) // 2] = 0.0
    path = tmp_path_factory.mktemp("corpus")
    np.savez(
        path / "made.npz",
        values=np.concatenate(series).astype(np.float32),
        offsets=np.cumsum([0, *map(len, series)]),
        season=seasons,
        season2=[0] * len(seasons),
        name=NAMES,
    )
    return path


def test_reads_the_held_out_series_alone(folder):
    names = {one.name.split("#")[0] for one in corpus.held_out(folder)}
    assert names == {name for name in NAMES if is_held_out("made", name, 7)}
    assert 0 < len(names) < len(NAMES)


def test_an_empty_folder_is_no_corpus(tmp_path):
    with pytest.raises(FileNotFoundError, match="no .npz file"):
        list(corpus.held_out(tmp_path))


def test_every_set_has_windows_of_its_horizon(folder):
    for task in kinds.load(folder):
        assert {len(window.actual) for window in task.windows} == {task.horizon}
        assert not any(np.isnan(window.actual).any() for window in task.windows)
        assert task.series <= len(task.windows)


def test_windows_are_apart_and_reach_the_end():
    values = np.arange(1000.0)
    windows = tasks.cut(values, context=300, min_history=50, horizon=30, max_windows=5)
    starts = [actual[0] for _, actual in windows]
    assert len(windows) == 5
    assert all(len(history) == 300 for history, _ in windows)
    assert all(later - earlier >= 30 for earlier, later in pairwise(starts))
    assert all(history[-1] + 1 == actual[0] for history, actual in windows)
    assert windows[-1][1][-1] == 999.0


def test_a_short_series_gives_one_window_or_none():
    values = np.arange(100.0)
    assert len(tasks.cut(values, context=300, min_history=50, horizon=30, max_windows=5)) == 1
    assert tasks.cut(values, context=300, min_history=80, horizon=30, max_windows=5) == []


def test_no_window_of_an_unknown_future():
    values = np.arange(100.0)
    values[95] = np.nan
    assert tasks.cut(values, context=50, min_history=50, horizon=10, max_windows=1) == []


def test_no_window_of_a_constant_history():
    assert tasks.cut(np.ones(100), context=50, min_history=50, horizon=10, max_windows=1) == []


@pytest.mark.parametrize(
    ("season", "zeros", "kind"),
    [
        (24, 0, "hourly"),
        (336, 0, "half-hourly"),
        (7, 0, "daily"),
        (52, 0, "weekly"),
        (12, 60, "intermittent"),
        (24, 60, "intermittent"),
    ],
)
def test_kinds(season, zeros, kind):
    values = np.concatenate([np.zeros(zeros), np.ones(100 - zeros)])
    assert kinds.kind_of(HeldOut("a", "b", values, season)).name == kind


def test_yearly_and_excluded_series_are_of_no_kind():
    assert kinds.kind_of(HeldOut("a", "b", np.ones(9), 12)) is None
    assert kinds.kind_of(HeldOut("a", "b", np.zeros(9), 1)) is None
    assert kinds.kind_of(HeldOut("fpp2", "elecdemand.0#1", np.ones(9), 48)) is None


def test_hourly_means():
    hourly = kinds.hourly_means(HeldOut("a", "b", np.array([1.0, 3.0, 5.0, np.nan, 1.0]), 48, 336))
    assert hourly.values[0] == 2.0 and np.isnan(hourly.values[1]) and len(hourly.values) == 2
    assert (hourly.season_length, hourly.second_season) == (24, 168)


def test_synthetic_series_are_reproducible():
    for make in (simulated.half_hourly, simulated.intermittent):
        for one, again in zip(make(), make(), strict=True):
            assert np.array_equal(one.values, again.values)
    assert all(one.zeros > 0.5 for one in simulated.intermittent())


def test_times_become_steps():
    times = ["2020/01/01 00:00", "2020/01/01 00:20", "2020-01-01T01:30:00Z", "2020/01/01 01:31"]
    steps = packaged.regular(times, ["1", "2", "4", ""], 30 * packaged.MINUTE)
    assert np.array_equal(steps, [1.5, np.nan, np.nan, 4.0], equal_nan=True)


def test_events_are_counted_over_whole_days():
    day, hour = packaged.DAY, packaged.HOUR
    events = np.array([0.5 * day, day, day + hour / 2, 2.5 * day, 3.1 * day])
    assert packaged.counts(events, day).tolist() == [2, 1]
    assert packaged.counts(events, 12 * hour).tolist() == [2, 0, 0, 1]


@pytest.mark.skipif(bool(packaged.missing()), reason="the packages with series are optional")
def test_packaged_series_have_kinds():
    for one in packaged.series():
        assert kinds.kind_of(one) is not None, one.name
        assert np.isfinite(one.values).mean() > 0.9


def test_missing_values_are_filled_between_neighbours():
    history = np.array([np.nan, 1.0, np.nan, 3.0, np.nan])
    window = tasks.Window("a", history, np.ones(1), 1)
    assert window.filled().tolist() == [1, 1, 2, 3, 3]


def test_a_limit_takes_from_the_whole_set(folder):
    (task, *_) = kinds.load(folder)
    few = tasks.limit_windows(task, 2)
    assert few.windows == (task.windows[0], task.windows[-1])
    assert tasks.limit_windows(task, None) is task


def test_the_command_writes_what_it_prints(folder, bundle_folder, tmp_path, monkeypatch, capsys):
    command = ["leaderboard", "--output", tmp_path, "--corpus", folder, "--bundle", bundle_folder]
    command += ["--sets", "daily,weekly", "--methods", "none", "--limit", "2", "--season", "both"]
    monkeypatch.setattr("sys.argv", [*map(str, command)])
    assert leaderboard.main() == 0
    printed = capsys.readouterr().out
    assert "### daily: 2 windows" in printed and "### weekly: 2 windows" in printed
    assert f"| {bundle_folder.parent.name}/1, season unknown " in printed
    assert len((tmp_path / "leaderboard.csv").read_text().splitlines()) > 2 * 4
    assert (tmp_path / "leaderboard.png").exists()


def test_the_command_knows_its_sets(folder, tmp_path, monkeypatch):
    command = ["leaderboard", "--output", tmp_path, "--corpus", folder, "--sets", "yearly"]
    monkeypatch.setattr("sys.argv", [*map(str, command)])
    with pytest.raises(SystemExit, match="no such set: yearly"):
        leaderboard.main()
