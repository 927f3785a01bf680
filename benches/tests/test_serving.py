"""Rounds, bars and tables of the serving benchmark."""

import json

import pytest

import bare_loop
from almanac_bench.results import Latency, Result
from almanac_bench.spread import Spread
from bare_loop import Bare, BareSlice
from bars import bars, cells
from measured import Measured, saturated
from phases import Memory
from picture import draw
from rounds import Loop, Overload, OverloadRound, Round
from tables import tables, verdicts


def result(rate, latency=1.0, **more):
    return Result(1.0, rate, {"200": 100}, 0, Latency(100, *[latency] * 5), **more)


def bare_slice(best, single=1000.0, latency=0.9):
    return BareSlice(Bare(1, single, latency, latency), Bare(256, best, 120.0, 130.0))


def one_round(rate, before=2000.0, after=2000.0, **more):
    return Round(bare_slice(before), rate, result(rate, **more), 0.99, bare_slice(after))


def loop(clients, series, *rates):
    return Loop(clients, series, [one_round(rate) for rate in rates])


def overload(*rates, **more):
    more = {"refused": Latency(50, *[3.0] * 5), "sent_per_second": 3000.0, **more}
    closed = result(1500)
    return Overload(
        64, [OverloadRound(closed, 3000, result(rate, **more), closed) for rate in rates]
    )


def measured(**more):
    fields = {
        "model": "seasonal",
        "bare": [Bare(1, 1000, 0.9, 1.0), Bare(256, 2000, 120.0, 130.0)],
        "loops": [
            loop(1, 1, 880, 900, 910),
            loop(64, 1, 1490, 1500, 1510),
            loop(1, 100, 1600),
            loop(4, 100, 1850, 1900, 1920),
        ],
        "overload": overload(1400, 1450, 1460),
        "idle_cpu": 0.001,
        "memory": Memory(40.0, 80.0, 81.0),
    }
    return Measured(**{**fields, **more})


def missed(found):
    return [bar.what for bar in bars(found) if bar.met is False]


def test_a_round_is_divided_by_its_neighbours():
    # The core became slower by half within the round: the baseline is the mean of both sides.
    found = one_round(1200, before=2000.0, after=1000.0)
    assert found.of_best == pytest.approx(0.8)
    assert found.of_best_by_processor == pytest.approx(0.8 / 0.99)
    halves = Round(bare_slice(1, single=800.0), 900, result(900), 1.0, bare_slice(1, single=1000.0))
    assert halves.of_single == pytest.approx(1.0)


def test_cpu_time_is_used_on_both_sides():
    # Half of the core in each slice; the other half is unknown.
    half = BareSlice(Bare(1, 500, 1.0, 1.0, 0.5), Bare(256, 1000, 1.0, 1.0, 0.5))
    assert Round(half, 800, result(800), 0.5, half).of_best_by_processor == pytest.approx(0.8)
    assert Round(half, 800, result(800), 0.0, half).of_best_by_processor is None


def test_added_latency_is_that_over_the_neighbours():
    before, after = bare_slice(1, latency=0.5), bare_slice(1, latency=0.7)
    assert Round(before, 1, result(1, latency=1.0), 1.0, after).added("p99_ms") == pytest.approx(
        0.4
    )
    silent = Result(1.0, 1.0, {"200": 9, "500": 1}, 0, None)
    assert Round(before, 1, silent, 1.0, after).added("p99_ms") is None


def test_a_machine_that_flips_between_rounds_does_not_move_the_share():
    # Twice as fast in every second round, the server included; the share is 0.75 throughout.
    rounds = [one_round(0.75 * speed, speed, speed) for speed in (2000, 4000, 2000, 4000)]
    found = Loop(64, 1, rounds)
    assert found.of_best == Spread(0.75, 0.75, 0.75, 0.75)
    assert found.rate == Spread(2250, 1500, 3000, 3000)


def test_the_median_of_rounds_ignores_a_disturbed_one():
    found = loop(64, 1, 1500, 1510, 700, 1490, 1500)
    assert found.of_best.median == pytest.approx(0.75)
    assert (found.of_best.low, found.of_best.high) == pytest.approx((0.745, 0.75))
    assert found.of_best.quartile_deviation == pytest.approx(0.0025)
    assert found.of_best.quartiles(".3f") == "0.745 to 0.750"
    assert found.of_best.greatest == pytest.approx(0.755)


def test_a_round_without_latency_is_not_part_of_the_median():
    silent = Round(bare_slice(1), 1, Result(1.0, 1.0, {"500": 1}, 0, None), 1.0, bare_slice(1))
    found = Loop(1, 1, [one_round(1, latency=2.0), silent, one_round(1, latency=4.0)])
    assert found.latency("p99_ms") == Spread(3.0, 2.5, 3.5, 4.0)
    assert found.failed == 1
    assert Loop(1, 1, [silent]).added("p50_ms") is None


def test_goodput_is_relative_to_the_adjacent_closed_loops():
    rounds = [
        OverloadRound(result(1000), 2000, result(1350), result(2000)),
        OverloadRound(result(2000), 4000, result(1800, late=2), result(2000)),
    ]
    found = Overload(64, rounds)
    assert (found.goodput.low, found.goodput.high) == (0.9, 0.9)
    assert (found.late, found.failed, found.refused_at_saturation) == (2, 0, 0)
    assert found.refused("max_ms") is None


def test_each_closed_loop_of_the_overload_counts_once():
    refusing = Result(1.0, 1000.0, {"200": 90, "429": 8, "500": 2}, 0, None)
    rounds = [
        OverloadRound(result(1000), 2000, result(900), refusing),
        OverloadRound(refusing, 2000, result(900), result(1000)),
    ]
    found = Overload(64, rounds)
    assert (found.refused_at_saturation, found.failed) == (8, 2)
    assert "no measure of saturation" in tables(measured(overload=found))


def test_saturation_is_where_the_share_is_largest_not_the_rate():
    # The second had a faster core, and used a smaller share of it.
    slow, fast = loop(64, 1, 1500), Loop(256, 1, [one_round(1800, 4000, 4000)])
    assert saturated([slow, fast, loop(1, 100, 1990)], 1) is slow


def test_a_good_measurement_meets_every_bar():
    assert all(bar.met for bar in bars(measured()))


def test_bars_are_missed_one_by_one():
    assert missed(measured(idle_cpu=0.02)) == ["idle processor"]
    assert missed(measured(memory=Memory(40.0, 80.0, 90.0))) == [
        "growth of memory by the same load again"
    ]
    slow = measured(overload=overload(500, refused=Latency(1, *[12.0] * 5)))
    assert len(missed(slow)) == 2
    # Every median is good, but the quartiles of one share lie 0.22 apart.
    apart = measured(overload=overload(900, 1450, 1550))
    assert missed(apart) == ["spread of the ratios: over it, believe one digit"]


def test_bars_are_judged_by_medians():
    found = {bar.what: bar for bar in bars(measured(overload=overload(300, 1450, 1460)))}
    bar = found["goodput at 2 times saturation, of saturation"]
    assert bar.met and bar.value == pytest.approx(1450 / 1500)
    assert cells(bar)["rounds"] == "0.58 to 0.97"


def test_a_missing_value_is_neither_met_nor_missed():
    found = bars(measured(overload=overload(1450, refused=None)))
    (bar,) = [bar for bar in found if bar.met is None]
    assert cells(bar)["value"] == "not measured"


def test_tables_and_picture_are_made(tmp_path):
    found = measured()
    assert "1,900" in tables(found)
    assert "0.94 to 0.95" in tables(found)
    assert verdicts([found]).count("| yes |") == len(bars(found))
    draw([found, found], tmp_path / "serving.svg")
    assert "bare loop" in (tmp_path / "serving.svg").read_text()


def test_the_output_of_the_bare_loop_is_parsed():
    row = {"batch": 1, "runs": 9, "series_per_second": 100.0, "p50_us": 10.0, "p99_us": 20.0}
    row["cpu_share"] = None
    (found,) = bare_loop.parse(json.dumps({"batches": [row], "best": row}))
    assert found == Bare(1, 100.0, 0.01, 0.02)


def test_the_curve_has_the_fastest_passes():
    # The core was slow when the first pass reached 256, and in the second one at 1.
    passes = [Bare(1, 100, 1, 1), Bare(256, 150, 1, 1), Bare(1, 60, 1, 1), Bare(256, 300, 1, 1)]
    found = bare_loop.fastest(passes)
    assert [(one.batch, one.series_per_second) for one in found] == [(1, 100), (256, 300)]
    assert bare_loop.best(found).batch == 256
