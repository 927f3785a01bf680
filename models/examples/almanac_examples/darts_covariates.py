"""Shared code of the exports of Darts' models with covariates. Needs darts."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

import numpy as np
import pandas
from darts import TimeSeries
from darts.models.forecasting.torch_forecasting_model import TorchForecastingModel

from . import bundle, cases

# Settings of a trainer that writes no files.
TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}

# Darts' graphs name their tensors, but not the components in them; the server names components by
# tensor and position.
PAST = ["past_0"]
FUTURE = ["future_0", "future_1"]
STATIC = ["static_0"]


def seasons(length: int) -> list[float]:
    """Return the position of each step in a season of twelve, as a cosine."""
    return [round(float(np.cos(2.0 * np.pi * step / 12.0)), 6) for step in range(length)]


def case(
    name: str,
    length: int,
    horizon: int,
    least_known: int,
    seed: int = 1,
    level: float = 100.0,
    knows_past_ahead: bool = False,
) -> cases.Case:
    """Return sales with a price and a season that are known ahead, and visitors that are not.

    Darts takes whole chunks of `least_known` steps of covariates that are known ahead. For shorter
    horizons the server repeats the last value, and so does the input to Darts here.
    """
    visitors = cases.visitors(length + horizon, seed)
    future = {
        "future_0": cases.price(length + horizon, seed),
        "future_1": seasons(length + horizon),
    }
    if knows_past_ahead:
        future |= {"past_0": visitors}
    return cases.Case(
        name,
        cases.sales(length, level, seed),
        horizon,
        12,
        past={} if knows_past_ahead else {"past_0": visitors[:length]},
        future=future,
        static={"static_0": float(seed)},
    )


def target(values: np.ndarray, size: float | None) -> TimeSeries:
    """Return a series with the dtype of `values`, and its static covariate unless that is None."""
    series = TimeSeries.from_values(values)
    if size is None:
        return series
    return series.with_static_covariates(pandas.DataFrame({"size": [size]}))


def stacked(
    case: cases.Case,
    names: Sequence[str],
    min_length: int,
    dtype: type[np.floating] = np.float64,
) -> TimeSeries:
    """Stack covariates as columns, each padded to `min_length` steps with its last value."""
    columns = [case.known(name) for name in names]
    columns = [
        np.pad(column, (0, max(0, min_length - len(column))), mode="edge") for column in columns
    ]
    return TimeSeries.from_values(np.stack(columns, axis=1).astype(dtype))


def export(
    arguments: argparse.Namespace,
    name: str,
    model: TorchForecastingModel,
    compared: Sequence[cases.Case],
    uses: tuple[bool, bool, bool],
    dtype: type[np.floating] = np.float64,
) -> None:
    """Write the graph that Darts exports, and the forecasts of Darts for the cases `compared`.

    `uses` states whether the model takes past, future and static covariates.
    """
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{name}.onnx"
    model.to_onnx(str(path), verbose=False)
    takes_past, takes_future, takes_static = uses

    def predict(case: cases.Case) -> np.ndarray:
        steps = len(case.values) + max(case.horizon, model.output_chunk_length)
        forecast = model.predict(
            case.horizon,
            target(case.array().astype(dtype), case.number("static_0") if takes_static else None),
            past_covariates=stacked(case, PAST, 0, dtype) if takes_past else None,
            future_covariates=stacked(case, FUTURE, steps, dtype) if takes_future else None,
            verbose=False,
        )
        return forecast.values().T

    if arguments.requests is not None:
        forecasts = [predict(case) for case in compared]
        bundle.write_requests(arguments.requests, name, [0.5], compared, forecasts)
    print(f"{path}: {len(compared)} cases")


def quiet() -> None:
    """Silence the trainer's log."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
