"""Exports a Darts RNNModel, a one-step cell with a state: a bare graph, without a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
from darts.models import RNNModel

from almanac_examples import bundle, cases, darts_covariates

NAME = "darts-rnn"
CONTEXT = 24


def trained() -> RNNModel:
    """Train an LSTM with covariates that are known ahead, in a few seconds.

    It uses float32: ONNX Runtime has no LSTM in double precision, which Darts would export for
    float64 series.
    """
    darts_covariates.quiet()
    model = RNNModel(
        model="LSTM",
        input_chunk_length=CONTEXT,
        training_length=36,
        hidden_dim=16,
        n_rnn_layers=2,
        n_epochs=2,
        random_state=0,
        pl_trainer_kwargs=darts_covariates.TRAINER,
    )
    fitted = [
        darts_covariates.case("training", 200, 0, 0, seed, level)
        for seed, level in [(1, 1.0), (2, 3.0)]
    ]
    model.fit(
        [darts_covariates.target(one.array().astype(np.float32), None) for one in fitted],
        future_covariates=[
            darts_covariates.stacked(one, darts_covariates.FUTURE, 0, np.float32) for one in fitted
        ],
    )
    return model


def comparison_cases() -> list[cases.Case]:
    case = darts_covariates.case
    return [
        case("one step", 60, 1, 1, level=2.0),
        case("a year", 60, 12, 1, level=2.0),
        case("as short as can be", CONTEXT, 12, 1, 2, 1.0),
        case("long", 400, 30, 1, 3, 0.0),
    ]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "file written by the model's save")
    model = trained() if arguments.checkpoint is None else RNNModel.load(arguments.checkpoint)
    uses = (False, True, False)
    darts_covariates.export(arguments, NAME, model, comparison_cases(), uses, np.float32)


if __name__ == "__main__":
    main()
