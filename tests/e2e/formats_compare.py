"""Compares a server's forecasts with those of a model's own package.

python formats_compare.py URL REQUESTS

REQUESTS is a file written by an export of models/examples. Every request is sent alone, and together
with those of the same horizon, so that series of all lengths share a batch. Differences are relative to
the largest absolute value of a case.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from itertools import groupby
from pathlib import Path
from typing import Any

TOLERANCE = 1e-4
# Loading a model includes its golden forecasts.
SECONDS_TO_LOAD = 120


def fetch(url: str, body: object = None) -> dict[str, Any]:
    """GET or, with a body, POST JSON; exit on an error status."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url}: {error.code}: {error.read().decode()}")


def wait_until_ready(url: str, model: str) -> None:
    """Wait until the model has passed its golden forecasts; exit if it fails."""
    end = time.monotonic() + SECONDS_TO_LOAD
    while True:
        described = fetch(f"{url}/models/{model}")
        status = described["status"]
        if status == "ready":
            return
        if status == "failed" or time.monotonic() > end:
            sys.exit(f"{model} is not ready: {json.dumps(described)}")
        time.sleep(0.1)


def difference(case: dict[str, Any], levels: list[float], forecast: dict[str, Any]) -> float:
    """Return the largest difference of a case, relative to its largest absolute value."""
    if "quantiles" not in forecast:
        sys.exit(f"{case['name']}: {json.dumps(forecast)}")
    given = {float(level): values for level, values in forecast["quantiles"].items()}
    largest = max(abs(value) for row in case["quantiles"] for value in row)
    return max(
        abs(actual - expected) / largest
        for level, row in zip(levels, case["quantiles"], strict=True)
        for actual, expected in zip(given[level], row, strict=True)
    )


def main() -> None:
    url, path = sys.argv[1], Path(sys.argv[2])
    content = json.loads(path.read_text())
    model, levels, cases = content["model"], content["levels"], content["requests"]
    wait_until_ready(url, model)

    def request(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
        series = [{"id": str(place), **case["series"]} for place, case in enumerate(group)]
        body = {"series": series, "horizon": group[0]["horizon"], "quantiles": levels}
        return fetch(f"{url}/forecast", body | {"model": model})["forecasts"]

    def horizon(case: dict[str, Any]) -> int:
        return case["horizon"]

    groups = [[case] for case in cases]
    groups += [list(group) for _, group in groupby(sorted(cases, key=horizon), horizon)]
    worst = 0.0
    for group in groups:
        for case, forecast in zip(group, request(group), strict=True):
            apart = difference(case, levels, forecast)
            worst = max(worst, apart)
            if not apart <= TOLERANCE:
                alone = "alone" if len(group) == 1 else "in a batch"
                print(
                    f"{model}: {case['name']}, {alone}: differs by {apart:.1e} of the largest value"
                )
    print(f"        {model:24} {len(cases):3} cases, largest relative difference {worst:.1e}")
    sys.exit(0 if worst <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
