"""Request bodies with monthly series like the airline passengers, identical in every run."""

from __future__ import annotations

import json

import numpy as np

LENGTH = 144
HORIZON = 12
# Number of distinct bodies that are sent in turn, so that a cache of the last response is no help.
DISTINCT = 16


def airline_like(length: int, generator: np.random.Generator) -> list[float]:
    """Return a rising level times a yearly season times noise, with one decimal place."""
    months = np.arange(length)
    level = generator.uniform(100, 140) * np.exp(months * generator.uniform(0.006, 0.012))
    season = 1 + 0.2 * np.sin(2 * np.pi * (months + generator.uniform(0, 12)) / 12)
    noise = generator.normal(1, 0.03, length)
    return [round(float(value), 1) for value in level * season * noise]


def series(n_series: int, length: int = LENGTH, seed: int = 0) -> list[list[float]]:
    """Return the histories that `forecast_body` sends, for servers with another format."""
    generator = np.random.default_rng([seed, n_series, length])
    return [airline_like(length, generator) for _ in range(n_series)]


def forecast_body(
    n_series: int,
    length: int = LENGTH,
    horizon: int = HORIZON,
    seed: int = 0,
    *,
    model: str | None = None,
) -> bytes:
    """Return a JSON body of `POST /forecast`, in the short form for a single series.

    The series are monthly with a start date, so that responses have timestamps, as for a client.
    """
    histories = series(n_series, length, seed)
    calendar = {"start": "1949-01-01", "frequency": "MS"}
    body: dict[str, object] = {**calendar, "horizon": horizon}
    if model is not None:
        body["model"] = model
    if n_series == 1:
        body["values"] = histories[0]
    else:
        body["series"] = [{"id": str(idx), "values": row} for idx, row in enumerate(histories)]
    return json.dumps(body, separators=(",", ":")).encode()


def forecast_bodies(
    n_series: int,
    length: int = LENGTH,
    horizon: int = HORIZON,
    *,
    model: str | None = None,
) -> list[bytes]:
    """Return several distinct bodies of one kind, fewer of them if each holds many series."""
    count = max(2, DISTINCT // n_series)
    return [forecast_body(n_series, length, horizon, seed, model=model) for seed in range(count)]
