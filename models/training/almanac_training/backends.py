"""Forecasting backends: a bundle run in process, the HTTP API and the command line."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from .competitions import START, Dataset, Series
from .serving import Bundle

DECILES = tuple(round(0.1 * i, 1) for i in range(1, 10))
LEVELS = (80, 95)
ENDS = ("lower", "upper")
COLUMNS = (
    "point",
    *(str(level) for level in DECILES),
    *(f"{end}-{level}" for level in LEVELS for end in ENDS),
)

# Called with the number of series that are done.
Progress = Callable[[int], None]


@dataclass
class ForecastResults:
    """The forecasts of one dataset by series id: values of each of `COLUMNS`, or an error."""

    numbers: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """A way to obtain forecasts; `served` is true if the server's own code computes them."""

    name: str
    served: bool

    def forecast(self, dataset: Dataset, progress: Progress) -> ForecastResults: ...


def _chunks(series: Sequence[Series], size: int) -> Iterator[list[Series]]:
    remaining = iter(series)
    while chunk := list(islice(remaining, size)):
        yield chunk


class BundleBackend:
    """Runs the model file in ONNX Runtime."""

    served = False
    CHUNK = 64

    def __init__(self, folder: Path, threads: int):
        self.name = f"bundle {folder}"
        self.bundle = Bundle.load(folder, threads)
        at = self.bundle.levels.index
        self.rows = {"point": at(0.5)} | {str(level): at(level) for level in DECILES}
        for level in LEVELS:
            outside = (100 - level) / 200
            self.rows[f"lower-{level}"] = at(round(outside, 3))
            self.rows[f"upper-{level}"] = at(round(1 - outside, 3))

    def forecast(self, dataset: Dataset, progress: Progress) -> ForecastResults:
        results = ForecastResults()
        # Sorting by length keeps the padding of each batch small.
        ordered = sorted(dataset.series, key=lambda series: len(series.history))
        for chunk in _chunks(ordered, self.CHUNK):
            histories = [series.history for series in chunk]
            seasons = [dataset.season_length] * len(chunk)
            batch = self.bundle.forecast(histories, seasons, dataset.horizon)
            for series, quantiles in zip(chunk, batch, strict=True):
                results.numbers[series.id] = {
                    column: quantiles[row].tolist() for column, row in self.rows.items()
                }
            progress(len(chunk))
        return results


class HttpBackend:
    """Sends batches to `POST /forecast` of a running server.

    Without `sends_frequency` the requests carry no calendar, and the server detects the season.
    """

    served = True
    CHUNK = 200

    def __init__(
        self,
        url: str,
        model: str | None,
        sends_frequency: bool = True,
        timeout_seconds: float = 60.0,
    ):
        self.name = f"http {url}" if sends_frequency else f"http {url}, season unknown"
        self.sends_frequency = sends_frequency
        self.url = f"{url.rstrip('/')}/forecast"
        self.model = model
        self.timeout_seconds = timeout_seconds

    def forecast(self, dataset: Dataset, progress: Progress) -> ForecastResults:
        results = ForecastResults()
        for chunk in _chunks(dataset.series, self.CHUNK):
            progress(len(chunk))
            try:
                forecasts = self._post(self._body(dataset, chunk))["forecasts"]
            except (OSError, KeyError, json.JSONDecodeError) as error:
                results.errors |= {series.id: _reason(error) for series in chunk}
                continue
            for forecast in forecasts:
                if "error" in forecast:
                    results.errors[forecast["id"]] = json.dumps(forecast["error"], default=str)
                else:
                    results.numbers[forecast["id"]] = _columns(forecast)
        return results

    def _body(self, dataset: Dataset, chunk: list[Series]) -> dict[str, Any]:
        calendar = {"start": START, "frequency": dataset.frequency} if self.sends_frequency else {}
        body: dict[str, Any] = {
            "series": [
                {"id": series.id, "values": series.history.tolist()} | calendar for series in chunk
            ],
            "horizon": dataset.horizon,
            "quantiles": DECILES,
            "levels": LEVELS,
        }
        return body | ({"model": self.model} if self.model else {})

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=self.timeout_seconds) as response:
            return json.load(response)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error}: {error.read().decode(errors='replace')}"
    return repr(error)


def _columns(forecast: dict[str, Any]) -> dict[str, list[float]]:
    """Flatten a forecast of the HTTP API into the columns of the CSV format."""
    columns = {"point": forecast["point"], **forecast["quantiles"]}
    for level, ends in forecast["levels"].items():
        columns |= {f"{end}-{level}": ends[end] for end in ENDS}
    return columns


class CliBackend:
    """Runs `almanac forecast` on a CSV file, once for each dataset."""

    served = True

    def __init__(self, executable: Path, model: str | None):
        self.name = f"cli {executable}"
        self.executable = executable
        self.model = model

    def forecast(self, dataset: Dataset, progress: Progress) -> ForecastResults:
        with tempfile.TemporaryDirectory() as folder:
            series_file, forecast_file = Path(folder, "series.csv"), Path(folder, "forecast.csv")
            _write_long(series_file, dataset)
            command = self._command(dataset, series_file, forecast_file)
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            results = _read_long(forecast_file) if forecast_file.exists() else ForecastResults()
        # A run in which only some series fail reports an error for each of those.
        reason = finished.stderr.strip() or f"no forecast, exit status {finished.returncode}"
        for series in dataset.series:
            if series.id not in results.numbers:
                results.errors.setdefault(series.id, reason)
        progress(len(dataset.series))
        return results

    def _command(self, dataset: Dataset, series_file: Path, forecast_file: Path) -> list[str]:
        options = {
            "--horizon": str(dataset.horizon),
            "--frequency": dataset.frequency,
            "--quantiles": ",".join(map(str, DECILES)),
            "--levels": ",".join(map(str, LEVELS)),
            "--output": str(forecast_file),
        }
        if self.model:
            options["--model"] = self.model
        flags = [part for option in options.items() for part in option]
        return [str(self.executable), "forecast", str(series_file), *flags]


def _write_long(path: Path, dataset: Dataset) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unique_id", "ds", "y"])
        for series in dataset.series:
            timestamps = dataset.timestamps(len(series.history))
            for timestamp, value in zip(timestamps, series.history.tolist(), strict=True):
                writer.writerow([series.id, timestamp, value])


def _read_long(path: Path) -> ForecastResults:
    results = ForecastResults()
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["error"]:
                results.errors[row["id"]] = row["error"]
                continue
            columns = results.numbers.setdefault(row["id"], {column: [] for column in COLUMNS})
            for column in COLUMNS:
                columns[column].append(float(row[column]))
    return results
