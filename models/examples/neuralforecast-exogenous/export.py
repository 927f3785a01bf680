"""Exports an N-HiTS of NeuralForecast with exogenous variables of all three kinds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import pandas
import torch
from neuralforecast import NeuralForecast
from neuralforecast.common._base_model import BaseModel
from neuralforecast.models import NHITS

from almanac_examples import bundle, cases, graph, neural

FUTURE, PAST = ["price"], ["visitors"]
# A number and a category; the package takes the latter as its index in the manifest's list.
STATIC, REGIONS = ["size", "region"], ["north", "south"]


class Graph(torch.nn.Module):
    """The forward pass without scaling, which the manifest describes."""

    def __init__(self, model: BaseModel):
        super().__init__()
        self.model = model
        vars(sys.modules[type(model).__module__])["len"] = neural.symbolic_len

    def forward(
        self,
        insample_y: torch.Tensor,
        futr_exog: torch.Tensor,
        hist_exog: torch.Tensor,
        stat_exog: torch.Tensor,
    ) -> torch.Tensor:
        window = {
            "insample_y": insample_y,
            "insample_mask": torch.ones_like(insample_y),
            "futr_exog": futr_exog,
            "hist_exog": hist_exog,
            "stat_exog": stat_exog,
        }
        return self.model.loss.domain_map(self.model(window))[:, :, 0]


def case(name: str, length: int, seed: int, level: float = 100.0) -> cases.Case:
    """Return sales with covariates of all three kinds."""
    ahead = length + neural.HORIZON
    return cases.Case(
        name,
        cases.sales(length, level, seed),
        neural.HORIZON,
        12,
        past={"visitors": cases.visitors(length, seed)},
        future={"price": cases.price(ahead, seed)},
        static={"size": 10.0 * seed, "region": REGIONS[seed % 2]},
    )


def frames(
    case: cases.Case, name: str
) -> tuple[pandas.DataFrame, pandas.DataFrame, pandas.DataFrame]:
    """Return history, future and static variables of a case in the format of NeuralForecast."""
    length = len(case.values)
    price = case.known("price")
    history = neural.frame(case.array(), name).assign(
        price=price[:length], visitors=case.known("visitors")
    )
    steps = np.arange(length, len(price))
    future = pandas.DataFrame({"unique_id": name, "ds": steps, "price": price[length:]})
    region = REGIONS.index(case.category("region"))
    static = pandas.DataFrame(
        {"unique_id": [name], "size": [case.number("size")], "region": [float(region)]}
    )
    return history, future, static


def trained() -> NeuralForecast:
    """Train a small model, in a few seconds."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    model = NHITS(
        mlp_units=3 * [[64, 64]],
        futr_exog_list=FUTURE,
        hist_exog_list=PAST,
        stat_exog_list=STATIC,
        **neural.SETTINGS,
    )
    parts = [frames(case("training", 300, seed, 50.0 * seed), str(seed)) for seed in range(1, 5)]
    history, _, static = (pandas.concat(part) for part in zip(*parts, strict=True))
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(history, static_df=static)
    return forecaster


def comparison_cases() -> list[cases.Case]:
    return [
        case("ordinary", 100, 1),
        case("as short as can be", neural.CONTEXT, 2),
        case("longer than the context", 400, 3),
        case("around zero", 100, 4, 0.0),
        case("large numbers", 100, 5, 1e6),
    ]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder written by NeuralForecast.save")
    if arguments.checkpoint is None:
        forecaster = trained()
    else:
        forecaster = NeuralForecast.load(arguments.checkpoint)
    (model,) = forecaster.models
    rows, length = 2, model.input_size
    onnx = graph.export(
        Graph(model),
        {
            "insample_y": torch.randn(rows, length, 1),
            "futr_exog": torch.randn(rows, length + model.h, len(FUTURE)),
            "hist_exog": torch.randn(rows, length, len(PAST)),
            "stat_exog": torch.randn(rows, len(STATIC)),
        },
        "forecast",
    )

    def predict(case: cases.Case) -> np.ndarray:
        history, future, static = frames(case, "series")
        forecast = forecaster.predict(df=history, futr_df=future, static_df=static)
        return forecast.drop(columns=["unique_id", "ds"]).to_numpy().T

    bundle.write(arguments, HERE / "manifest.toml", onnx, comparison_cases(), predict)


if __name__ == "__main__":
    main()
