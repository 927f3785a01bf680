"""Series that are shipped in Python packages, for kinds of which the corpus holds few.

Terms as stated by the packages: sea surface temperature (NERACOOS) is free to use and
redistribute; glucose, commits and stock prices in `bokeh-sampledata`, and the weather in
`vega-datasets` (NOAA), are in the public domain.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from importlib import resources
from importlib.util import find_spec

import numpy as np

from .corpus import HeldOut

MINUTE, HOUR, DAY = 60, 3600, 86400

BOKEH, VEGA = "bokeh_sampledata", "vega_datasets"
PACKAGES = (BOKEH, VEGA)


def missing() -> list[str]:
    """Return the packages that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]


def series() -> Iterator[HeldOut]:
    """Yield the series of the installed packages."""
    absent = missing()
    if BOKEH not in absent:
        yield from _bokeh()
    if VEGA not in absent:
        yield from _vega()


def _bokeh() -> Iterator[HeldOut]:
    held = partial(HeldOut, BOKEH)
    rows = _rows(BOKEH, "sea_surface_temperature.csv.gz")
    sea = regular(_column(rows, "time (UTC)"), _column(rows, "temperature (celsius)"), 30 * MINUTE)
    yield held("sea_surface_temperature", sea, 48, 336)
    rows = _rows(BOKEH, "CGM.csv.gz")
    glucose = regular(_column(rows, "datetime"), _column(rows, "glucose"), 30 * MINUTE)
    yield held("glucose", glucose, 48, 336)

    stocks = _rows(BOKEH, "stocks.csv.gz")
    for ticker in ("IBM", "MSFT"):
        days = [row for row in stocks if row["Ticker"] == ticker]
        for column in ("Close", "Volume"):
            # Business days: 7, as for days in the corpus, would be no season at all.
            yield held(f"{ticker}.{column}", np.array(_column(days, column), dtype=float), 5)

    commits = np.array([parsedate_to_datetime(line).timestamp() for line in _commits()])
    for step, season, second in ((HOUR, 24, 168), (6 * HOUR, 4, 28), (DAY, 7, 0)):
        yield held(f"commits each {step // HOUR} h", counts(commits, step), season, second)


def _vega() -> Iterator[HeldOut]:
    rows = _rows(VEGA, "seattle-weather.csv")
    for column in ("temp_max", "temp_min", "wind", "precipitation"):
        daily = regular(_column(rows, "date"), _column(rows, column), DAY)
        yield HeldOut(VEGA, f"seattle-weather.{column}", daily, 7, 365)


def regular(times: list[str], values: list[str], step: int) -> np.ndarray:
    """Return means over intervals of `step` seconds; NaN for an interval without a value."""
    stamps = [time.replace("/", "-").replace(" ", "T").rstrip("Z") for time in times]
    seconds = np.array(stamps, dtype="datetime64[s]").astype(np.int64)
    steps = (seconds - seconds.min()) // step
    present = np.array([value != "" for value in values])
    numbers = np.array([value or "nan" for value in values], dtype=float)
    length = int(steps.max()) + 1
    sums = np.bincount(steps[present], numbers[present], length)
    number = np.bincount(steps[present], minlength=length)
    return np.divide(sums, number, out=np.full(length, np.nan), where=number > 0)


def counts(seconds: np.ndarray, step: int) -> np.ndarray:
    """Return the number of events per interval, from the first whole day to the last."""
    start = np.ceil(seconds.min() / DAY) * DAY
    end = np.floor(seconds.max() / DAY) * DAY
    inside = seconds[(seconds >= start) & (seconds < end)]
    length = int((end - start) // step)
    return np.bincount(((inside - start) // step).astype(int), minlength=length).astype(float)


def _open(package: str, name: str) -> list[str]:
    content = (resources.files(package) / "_data" / name).read_bytes()
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode().splitlines()


def _rows(package: str, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_open(package, name)))


def _commits() -> list[str]:
    return [line for line in _open(BOKEH, "commits.txt.gz") if line]


def _column(rows: list[dict[str, str]], name: str) -> list[str]:
    return [row[name] for row in rows]
