"""Parsing of the output of wrk and h2load."""

import pytest

from almanac_bench import load, open_loop
from almanac_bench.results import LoadError, Result

WRK = """Running 4s test @ http://127.0.0.1:8080/forecast
  8000 requests in 4.00s, 9.23MB read
RESULT {"counted":6001,"counted_seconds":3.000000,"statuses":{"200":8000},"errors":0,\
"p50":1100,"p90":1400,"p99":2500,"p999":4000,"max":5000}
"""


def test_reads_what_wrk_counted_after_its_warm_up():
    result = load.parse_wrk(WRK)
    assert result.ok_per_second == pytest.approx(2000)
    assert (result.ok, result.failed) == (8000, 0)
    assert (result.latency.p50_ms, result.latency.max_ms) == (1.1, 5.0)


def test_wrk_has_no_latency_if_statuses_are_mixed():
    result = load.parse_wrk(WRK.replace('{"200":8000}', '{"200":7990,"429":8,"500":2}'))
    assert (result.latency, result.ok, result.failed) == (None, 7990, 2)


def test_wrk_without_responses_has_no_rate():
    nothing = WRK.replace('{"200":8000}', "{}").replace("6001", "0").replace("3.000000", "0.0")
    assert load.parse_wrk(nothing).ok_per_second == 0


def test_output_without_a_result_is_an_error():
    with pytest.raises(LoadError, match="unable to connect"):
        load.parse_wrk("unable to connect to 127.0.0.1:1")


def log(*requests):
    return "".join(f"{begin}\t{status}\t{took}\n" for begin, status, took in requests)


def test_responses_and_refusals_are_separated():
    half = [(second * 1_000_000, 200, 20_000) for second in range(11)]
    other = [(second * 1_000_000 + 500_000, 429, 1_000) for second in range(10)]
    result = open_loop.parse_logs([log(*half), log(*other)], pace=0.5)
    assert result.statuses == {"200": 11, "429": 10}
    assert result.latency.p99_ms == 20 and result.refused.max_ms == 1
    # Ten seconds, two of them warm-up; the last response comes after the last request was sent.
    assert result.seconds == 8 and result.ok_per_second == 1
    assert result.sent_per_second == pytest.approx(2)
    assert (result.failed, result.held_back, result.late) == (0, 0, 0)


def test_late_and_missing_responses_are_counted():
    rows = log((0, 200, 10), (1_000, 200, 900_000), (2_000, -1, 5), (3_000, 500, 5))
    result = open_loop.parse_logs([rows], pace=0.1, deadline_seconds=0.5)
    assert (result.held_back, result.late, result.errors, result.failed) == (1, 1, 1, 2)


def test_connections_are_opened_as_fast_as_they_are_due():
    assert open_loop.stagger(5_000) == ["--rate=5", "--rate-period=1ms"]
    assert open_loop.stagger(250) == ["--rate=1", "--rate-period=4ms"]


def test_failures_are_neither_successes_nor_refusals():
    result = Result(1.0, 1.0, {"200": 5, "429": 3, "500": 2}, 1, None)
    assert (result.ok, result.failed) == (5, 3)
