"""Scores and agreement of backends, on constructed forecasts."""

import numpy as np
import pytest

from almanac_training import report, scoring
from almanac_training.backends import COLUMNS, ForecastResults, _columns, _read_long
from almanac_training.competitions import Dataset, Series

SERIES = Series("a", history=np.array([1.0, 2.0, 3.0]), actual=np.array([4.0, 6.0]))
DATASET = Dataset("made up", "YS", 1, 12, horizon=2, series=(SERIES,))


def results(point=3.5, lower=3.0, upper=5.0) -> ForecastResults:
    numbers = {column: [point] * 2 for column in COLUMNS}
    numbers |= {column: [lower] * 2 for column in COLUMNS if "lower" in column}
    numbers |= {column: [upper] * 2 for column in COLUMNS if "upper" in column}
    return ForecastResults(numbers={"a": numbers})


def test_scores_against_seasonal_naive():
    score = scoring.score(DATASET, results())
    assert score.mase == pytest.approx((0.5 + 2.5) / 2)
    assert score.naive_mase == pytest.approx((1 + 3) / 2)
    assert score.wql == pytest.approx(3 / 10)
    assert score.naive_wql == pytest.approx(4 / 10)
    assert score.coverage_80 == 0.5


def test_seasonal_naive_repeats_the_last_season():
    history = np.array([9.0, 1.0, 2.0, 3.0])
    assert scoring.seasonal_naive(history, 3, 5).tolist() == [1, 2, 3, 1, 2]
    assert scoring.seasonal_naive(history, 5, 2).tolist() == [3, 3]


def test_agreement_has_a_tolerance():
    assert scoring.compare_results(results(3.5), results(3.5001), 1e-4) == (1, [])
    assert scoring.compare_results(results(3.5), results(3.51), 1e-4) == (0, ["a"])


def test_a_missing_forecast_is_a_disagreement():
    assert scoring.compare_results(results(), ForecastResults(), 1e-4) == (0, ["a"])


def test_the_last_line_of_the_table_has_geometric_means():
    last = report.table([scoring.score(DATASET, results())]).splitlines()[-1]
    assert [cell.strip() for cell in last.strip("|").split("|")][-2:] == ["0.750", "0.750"]


def test_reads_the_columns_of_the_command_line(tmp_path):
    path = tmp_path / "forecast.csv"
    header = ",".join(["id", "timestamp", *COLUMNS, "error"])
    numbers = ",".join(["1.25"] * len(COLUMNS))
    path.write_text(f"{header}\na,2024-01-01,{numbers},\nb,,{',' * (len(COLUMNS) - 1)},too short\n")
    read = _read_long(path)
    assert read.errors == {"b": "too short"}
    assert read.numbers["a"]["lower-95"] == [1.25]


def test_reads_the_forecast_of_the_http_api():
    forecast = {
        "point": [1],
        "quantiles": {"0.1": [0]},
        "levels": {"80": {"lower": [0], "upper": [2]}},
    }
    assert _columns(forecast) == {"point": [1], "0.1": [0], "lower-80": [0], "upper-80": [2]}
