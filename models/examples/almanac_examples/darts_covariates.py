"""What the exports of Darts' models with covariates share. Needs darts."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

import numpy as np
import pandas
from darts import TimeSeries
from darts.models.forecasting.torch_forecasting_model import TorchForecastingModel

from . import bundle, cases

# A trainer that leaves nothing behind.
TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}

# Darts' graphs name their tensors and not what stands in them; the server names the components by
# tensor and place.
PAST = ["past_0"]
FUTURE = ["future_0", "future_1"]
STATIC = ["static_0"]


def seasons(length: int) -> list[float]:
    """Where in a season of twelve each step lies, from -1 to 1."""
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
    """Sales with a price and a season that are known ahead, and visitors that are not.

    Darts takes whole chunks of `least_known` steps of what is known ahead: asked for fewer, the
    server repeats the last value, and so does what is given to Darts.
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
    """A series in the precision of `values`, with its one static covariate unless that is None."""
    series = TimeSeries.from_values(values)
    if size is None:
        return series
    return series.with_static_covariates(pandas.DataFrame({"size": [size]}))


def stacked(
    case: cases.Case, names: Sequence[str], least: int, dtype: type = np.float64
) -> TimeSeries:
    """Covariates beside each other, each repeating its last value up to `least` steps."""
    columns = [case.known(name) for name in names]
    columns = [np.pad(own, (0, max(0, least - len(own))), mode="edge") for own in columns]
    return TimeSeries.from_values(np.stack(columns, axis=1).astype(dtype))


def compare(
    arguments: argparse.Namespace,
    name: str,
    model: TorchForecastingModel,
    asked: Sequence[cases.Case],
    uses: tuple[bool, bool, bool],
    dtype: type = np.float64,
) -> None:
    """Writes the graph as Darts itself exports it, and what Darts forecasts of `asked`.

    `uses` says whether the model takes past, future and static covariates.
    """
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{name}.onnx"
    model.to_onnx(str(path), verbose=False)
    takes_past, takes_future, takes_static = uses

    def predict(case: cases.Case) -> np.ndarray:
        steps = len(case.values) + max(case.horizon, model.output_chunk_length)
        answer = model.predict(
            case.horizon,
            target(case.array().astype(dtype), case.static["static_0"] if takes_static else None),
            past_covariates=stacked(case, PAST, 0, dtype) if takes_past else None,
            future_covariates=stacked(case, FUTURE, steps, dtype) if takes_future else None,
            verbose=False,
        )
        return answer.values().T

    if arguments.requests is not None:
        answers = [predict(case) for case in asked]
        bundle.write_requests(arguments.requests, name, [0.5], asked, answers)
    print(f"{path}: {len(asked)} cases")


def quiet() -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
