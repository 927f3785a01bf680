"""Shared code of the exports of NeuralForecast's models. Needs neuralforecast."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sized
from pathlib import Path

import numpy as np
import pandas
import torch
from neuralforecast import NeuralForecast
from neuralforecast.common._base_model import BaseModel
from neuralforecast.losses.pytorch import MQLoss

from . import bundle, cases, graph, training

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
HORIZON = 12
CONTEXT = 36

# Settings shared by the models; training takes a few seconds.
SETTINGS = {
    "h": HORIZON,
    "input_size": CONTEXT,
    "loss": MQLoss(quantiles=LEVELS),
    "scaler_type": "standard",
    "max_steps": 300,
    "random_seed": 0,
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


def symbolic_len(value: Sized) -> int:
    """Return `len`, kept symbolic for a tensor: the models take the length of their batches."""
    return value.shape[0] if isinstance(value, torch.Tensor) else len(value)


class Graph(torch.nn.Module):
    """The forward pass without scaling, which the manifest describes."""

    def __init__(self, model: BaseModel):
        super().__init__()
        self.model = model
        vars(sys.modules[type(model).__module__])["len"] = symbolic_len

    def forward(self, insample_y: torch.Tensor) -> torch.Tensor:
        absent = {"futr_exog": None, "hist_exog": None, "stat_exog": None}
        # No value is masked: the server fills missing ones.
        seen = torch.ones_like(insample_y)
        window = {"insample_y": insample_y, "insample_mask": seen, **absent}
        # [batch, time, series, quantile] with a single series.
        return self.model.loss.domain_map(self.model(window))[:, :, 0]


def frame(values: np.ndarray, name: str = "series") -> pandas.DataFrame:
    """Return a series in the format of NeuralForecast, with step numbers as dates."""
    return pandas.DataFrame({"unique_id": name, "ds": np.arange(len(values)), "y": values})


def trained(model: BaseModel) -> NeuralForecast:
    """Fit `model` to the example series."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    forecaster = NeuralForecast(models=[model], freq=1)
    series = enumerate(training.series())
    forecaster.fit(pandas.concat([frame(values, str(series_idx)) for series_idx, values in series]))
    return forecaster


def write(arguments: argparse.Namespace, template: Path, forecaster: NeuralForecast) -> None:
    """Write the bundle of the forecaster's only model."""
    (model,) = forecaster.models
    if model.hparams.scaler_type not in ("identity", "standard"):
        raise ValueError(f"scaler_type {model.hparams.scaler_type!r} is not supported")
    scaling = "none" if model.hparams.scaler_type == "identity" else "standard"

    def predict(case: cases.Case) -> np.ndarray:
        forecast = forecaster.predict(df=frame(case.array()))
        quantiles = forecast.drop(columns=["unique_id", "ds"]).to_numpy().T
        return quantiles[:, : case.horizon]

    onnx = graph.export(
        Graph(model), {"insample_y": torch.randn(2, model.input_size, 1)}, "forecast"
    )
    bundle.write(
        arguments,
        template,
        onnx,
        cases.standard(model.h, model.input_size, gaps=False, min_length=model.input_size),
        predict,
        {
            "context.min_length": model.input_size,
            "context.max_length": model.input_size,
            "context.scaling": scaling,
            "horizon.native": model.h,
            "horizon.longest": model.h,
            "output.levels": [round(float(level), 6) for level in model.loss.quantiles],
        },
    )
