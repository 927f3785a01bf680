"""Exports a Darts model with its own `to_onnx`: a bare graph, which needs no manifest."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
from darts import TimeSeries
from darts.models import TiDEModel
from darts.utils.likelihood_models.torch import QuantileRegression

from almanac_examples import bundle, cases, training

NAME = "darts-tide"
LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]


def trained() -> TiDEModel:
    """Train a small model, in a few seconds. Its graph computes in float64, as Darts does."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    model = TiDEModel(
        input_chunk_length=24,
        output_chunk_length=12,
        hidden_size=32,
        use_reversible_instance_norm=True,
        likelihood=QuantileRegression(LEVELS),
        n_epochs=2,
        random_state=0,
        pl_trainer_kwargs={
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "enable_checkpointing": False,
        },
    )
    model.fit([TimeSeries.from_values(values.astype(np.float64)) for values in training.series()])
    return model


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "file written by the model's save")
    model = trained() if arguments.checkpoint is None else TiDEModel.load(arguments.checkpoint)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{NAME}.onnx"
    model.to_onnx(str(path), verbose=False)

    def predict(case: cases.Case) -> np.ndarray:
        series = TimeSeries.from_values(case.array())
        forecast = model.predict(
            case.horizon, series, predict_likelihood_parameters=True, verbose=False
        )
        return np.sort(forecast.values().T, axis=0)

    horizon, min_length = model.output_chunk_length, model.input_chunk_length
    compared = cases.standard(horizon, min_length, gaps=False, min_length=min_length)
    if arguments.requests is not None:
        forecasts = [predict(case) for case in compared]
        bundle.write_requests(arguments.requests, NAME, LEVELS, compared, forecasts)
    print(f"{path}: {len(compared)} cases")


if __name__ == "__main__":
    main()
