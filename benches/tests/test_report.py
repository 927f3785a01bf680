"""Tables and JSON files."""

import json

from almanac_bench import report
from almanac_bench.results import Latency


def test_a_table_aligns_numbers_right_and_shows_missing_values():
    rows = [{"name": "a", "share": 0.5}, {"name": "bc", "share": None}]
    lines = report.table(rows, [("name", "what", ""), ("share", "of best", ".0%")]).splitlines()
    assert lines == [
        "| what | of best |",
        "| ---- | ------: |",
        "| a    |     50% |",
        "| bc   |       - |",
    ]


def test_a_report_is_json_and_supports_dataclasses(tmp_path):
    path = tmp_path / "deep" / "report.json"
    report.write(path, {"latency": Latency(1, 1.0, 1.0, 1.0, 1.0, 1.0), "path": tmp_path})
    found = json.loads(path.read_text())
    assert found["latency"]["p99_ms"] == 1.0 and found["path"] == str(tmp_path)
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]
