"""Request bodies."""

import json

import pytest

from almanac_bench import bodies


@pytest.mark.parametrize("n_series", [1, 3])
def test_a_body_is_json_with_the_requested_series(n_series):
    body = json.loads(bodies.forecast_body(n_series, length=24, horizon=6, seed=1))
    histories = (
        [body["values"]] if n_series == 1 else [series["values"] for series in body["series"]]
    )
    assert body["horizon"] == 6
    assert [len(values) for values in histories] == [24] * n_series
    assert histories == bodies.series(n_series, 24, seed=1)


def test_a_model_is_named_when_it_is_given():
    assert "model" not in json.loads(bodies.forecast_body(1))
    assert json.loads(bodies.forecast_body(1, model="network"))["model"] == "network"


def test_bodies_are_distinct_and_the_same_in_every_run():
    for n_series in (1, 100):
        found = bodies.forecast_bodies(n_series)
        assert len(set(found)) == len(found) >= 2
        assert found == bodies.forecast_bodies(n_series)
