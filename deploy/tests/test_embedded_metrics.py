"""Metrics in CloudWatch's embedded format: valid lines, and alarms on metrics that they contain."""

import copy
import json
import re

import jsonschema
import pytest
import stack

SCHEMA = json.loads((stack.DEPLOY / "tests" / "embedded_metric_format.json").read_text())
# Written by the program's own tests, with constant values.
SNAPSHOT = stack.ROOT / "tests/it/snapshots/it__emf__lines_of_a_service_and_of_a_model.snap"
MODULE = stack.DEPLOY / "aws" / "modules" / "observability" / "embedded_metrics.tf"


def lines() -> list[dict]:
    _head, _, body = SNAPSHOT.read_text().partition("\n---\n")
    return [json.loads(line) for line in body.splitlines() if line]


def faults(line: dict) -> list[str]:
    """Return the errors in the members that the directives of a line refer to."""
    found = []
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for name in [name for names in directive["Dimensions"] for name in names]:
            value = line.get(name)
            if not isinstance(value, str) or not 1 <= len(value) <= 1024:
                found.append(f"dimension {name} is {value!r}")
        for name in [metric["Name"] for metric in directive["Metrics"]]:
            if not is_target(line.get(name)):
                found.append(f"metric {name} is {line.get(name)!r}")
    return found


def is_target(value) -> bool:
    """Return true for a number, or a distribution in the format of AWS's own libraries."""
    if not isinstance(value, dict):
        return isinstance(value, int | float)
    values, counts = value["Values"], value["Counts"]
    return (
        set(value) == {"Values", "Counts", "Min", "Max", "Count", "Sum"}
        and 1 <= len(values) == len(counts) <= 100
        and sum(counts) == value["Count"]
        and value["Min"] <= min(values) <= max(values) <= value["Max"]
        and value["Min"] <= value["Sum"] / value["Count"] <= value["Max"]
    )


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.get("Model", "the service"))
def test_cloudwatch_accepts_a_line(line):
    jsonschema.Draft7Validator(SCHEMA).validate(line)
    assert faults(line) == []
    assert len(json.dumps(line)) < 256 * 1024


def test_there_is_a_line_of_the_service_and_one_of_a_model():
    assert [line.get("Model") for line in lines()] == [None, "sales"]


def test_an_invalid_line_is_detected():
    wrong = copy.deepcopy(lines()[0])
    wrong["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] = "Requests"
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(wrong)
    lost = copy.deepcopy(lines()[0])
    del lost["Requests"]
    lost["RequestSeconds"]["Counts"].append(1)
    assert len(faults(lost)) == 2


def test_alarms_and_graphs_use_existing_metrics():
    text = MODULE.read_text()
    service, model = lines()
    assert {"Service", "Model"} <= set(model)
    named = set(re.findall(r'metric += "(\w+)"', text))
    listed = re.findall(r"for name in \[([^]]*)\]", text)
    named |= {name for names in listed for name in re.findall(r'"(\w+)"', names)}
    named |= set(re.findall(r'\[embedded\.namespace, "(\w+)"', text))
    assert len(named) > 8
    assert named <= set(service)
    searched = set(re.findall(r'MetricName=\\"(\w+)\\"', text))
    assert searched and searched <= set(model)
