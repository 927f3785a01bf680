"""Scores, ratios and means of the leaderboard, and their presentation."""

import csv
import math

import numpy as np
import pytest

from almanac_training.leaderboard import forecasters, quoted, scores, show, tasks
from almanac_training.leaderboard.tasks import Task, Window

PUBLISHED_NAIVE_WQL = {
    "M1 yearly": 0.2093,
    "M1 quarterly": 0.1495,
    "M1 monthly": 0.1915,
    "M3 yearly": 0.1665,
    "M3 quarterly": 0.1013,
    "M3 monthly": 0.1485,
    "Tourism quarterly": 0.1194,
    "Tourism monthly": 0.1042,
}


def task(group="kinds", alike=False, name="made up") -> Task:
    """Return a set whose second series is a hundred times the first."""
    history = np.array([1.0, 2.0, 3.0, 2.0])
    windows = tuple(
        Window(f"s{size}", size * history, size * np.array([4.0, 6.0]), 1) for size in (1, 100)
    )
    return Task(name, group, 2, windows, alike)


def deciles(value=5.0) -> np.ndarray:
    one = np.full((9, 2), value)
    one[0], one[-1] = 3.0, 5.0
    return np.array([one, 100 * one])


def scored(method="a", mase_ratio=0.5, wql_ratio=0.5, name="made up", group="kinds"):
    one = scores.score(task(group, name=name), method, deciles())
    baseline = scores.Baseline(one.mase / mase_ratio, one.wql / wql_ratio)
    return scores.relative_to(baseline, one)


def test_public_seasonal_naive_is_as_published():
    naive = forecasters.Naive()
    found = {
        one.name: scores.score(one, naive.name, naive.forecast(one.windows, one.horizon)).wql
        for one in tasks.eight()
    }
    assert found == pytest.approx(PUBLISHED_NAIVE_WQL, abs=1e-4)


def test_scores_by_hand():
    one = scores.score(task(), "a", deciles())
    assert one.mase == pytest.approx(1.0)
    assert one.coverage_80 == 0.5
    assert (one.windows, one.series) == (2, 2)


def test_the_size_of_a_series_counts_only_where_all_are_alike():
    wrong_once = deciles()
    wrong_once[0] = 0.0
    assert scores.score(task(alike=True), "a", wrong_once).wql == pytest.approx(
        scores.score(task(), "a", deciles()).wql, rel=0.1
    )
    assert scores.score(task(), "a", wrong_once).wql > 2 * scores.score(task(), "a", deciles()).wql


def test_bands_count_for_the_baseline_of_held_out_sets_only():
    naive, bands = (
        scores.score(task(), name, deciles(value))
        for name, value in (("naive", 9.0), ("bands", 5.0))
    )
    assert scores.baseline(naive, bands).wql == bands.wql < naive.wql
    public = scores.score(task(tasks.EIGHT), "naive", deciles(9.0))
    assert scores.baseline(public, bands).wql == public.wql


def test_there_is_no_ratio_to_a_baseline_without_error():
    assert math.isnan(scores.relative_to(scores.Baseline(0.0, 0.0), scored()).mase_ratio)


def test_means_are_of_whole_groups():
    own = [
        scored("a", 0.5, 0.5, "x"),
        scored("a", 0.125, 0.5, "y"),
        scored("b", 0.5, 0.5, "x"),
        scored("b", 0.7, 0.6, "z", group="other"),
    ]
    means = scores.group_means(own)
    assert means["a"] == {"kinds": pytest.approx((0.25, 0.5))}
    assert means["b"] == {"other": pytest.approx((0.7, 0.6))}


def test_quoted_scores_are_of_the_eight_tasks():
    (name, *_) = tasks.EIGHT_NAMES
    naive = scores.score(task(tasks.EIGHT, name=name), "naive", deciles())
    of_first = {one.method: one for one in quoted.scores(naive, scores.Baseline(4.893, 0.2093))}
    assert of_first["mean of the three, quoted"].wql_ratio == pytest.approx(0.1241 / 0.2093)
    assert math.isnan(of_first["AutoETS, quoted"].wql)
    assert quoted.scores(scored(), scores.Baseline(1.0, 1.0)) == []


def test_the_table_has_the_best_first():
    lines = show.markdown([scored("a"), scored("naïf", 1.0, 1.0)]).splitlines()
    assert lines[0] == "### made up: 2 windows of 2 series"
    assert lines[4].startswith("| a ")
    assert lines[-1].split("|")[-2].strip() == "1.000 / 1.000"


def test_writes_csv_and_a_plot(tmp_path):
    own = [scored("a"), scored("b", 0.9, 9.0)]
    show.write_csv(tmp_path / "scores.csv", own)
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert [row["method"] for row in rows] == ["a", "b"]
    show.plot(tmp_path / "scores.png", own, ["a"])
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
