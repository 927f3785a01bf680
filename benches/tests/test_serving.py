import json

import bare_loop
from almanac_bench.results import Latency, Result
from bare_loop import Bare
from bars import bars, written
from measured import Measured
from phases import Loop, Memory
from picture import draw
from tables import tables, verdicts


def result(rate, latency=1.0, **more):
    return Result(1.0, rate, {"200": 100}, 0, Latency(100, *[latency] * 5), **more)


def measured(**more):
    loops = [
        Loop(clients, series, rate, result(rate / series), 0.99)
        for clients, series, rate in [(1, 1, 900), (64, 1, 1500), (1, 100, 1600), (4, 100, 1900)]
    ]
    refused = Latency(50, *[3.0] * 5)
    fields = {
        "model": "seasonal",
        "bare": [Bare(1, 1000, 0.9, 1.0), Bare(256, 2000, 120.0, 130.0)],
        "drift": 0.01,
        "loops": loops,
        "overload_rate": 3000,
        "overload": result(1450, refused=refused, sent_per_second=3000.0),
        "idle_cpu": 0.001,
        "memory": Memory(40.0, 80.0, 81.0),
    }
    return Measured(**{**fields, **more})


def verdict(found):
    return [bar.met for bar in bars(found)]


def test_a_good_measurement_meets_every_bar():
    assert all(verdict(measured()))


def test_bars_are_missed_one_by_one():
    assert verdict(measured(idle_cpu=0.02)).count(False) == 1
    assert verdict(measured(drift=-0.2)).count(False) == 1
    assert verdict(measured(memory=Memory(40.0, 80.0, 90.0))).count(False) == 1
    assert (
        verdict(measured(overload=result(500, refused=Latency(1, *[12.0] * 5)))).count(False) == 2
    )


def test_what_was_not_measured_is_neither_met_nor_missed():
    found = bars(measured(overload=result(1450)))
    (bar,) = [bar for bar in found if bar.met is None]
    assert written(bar)["value"] == "not measured"


def test_tables_and_picture_are_made(tmp_path):
    found = measured()
    assert "1,900" in tables(found)
    assert verdicts([found]).count("| yes |") == len(bars(found))
    draw([found, found], tmp_path / "serving.svg")
    assert "bare loop" in (tmp_path / "serving.svg").read_text()


def test_the_bare_loop_is_read_and_averaged():
    row = {"batch": 1, "runs": 9, "series_per_second": 100.0, "p50_us": 10.0, "p99_us": 20.0}
    row["cpu_share"] = None
    (before,) = bare_loop.parse(json.dumps({"batches": [row], "best": row}))
    after = Bare(1, 110.0, 0.02, 0.04)
    assert before == Bare(1, 100.0, 0.01, 0.02)
    assert bare_loop.mean([before], [after])[0].series_per_second == 105
    assert round(bare_loop.drift([before], [after]), 3) == 0.1
    assert bare_loop.best_per_processor_second([Bare(1, 50.0, 1.0, 1.0, 0.25), after]) == 200
