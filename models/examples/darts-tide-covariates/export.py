"""Exports a Darts TiDE with covariates of each kind: a bare graph, without a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from darts.models import TiDEModel

from almanac_examples import bundle, cases, darts_covariates

NAME = "darts-tide-covariates"
CONTEXT, HORIZON = 24, 12


def trained() -> TiDEModel:
    """Train a small model, in a few seconds."""
    darts_covariates.quiet()
    model = TiDEModel(
        input_chunk_length=CONTEXT,
        output_chunk_length=HORIZON,
        hidden_size=32,
        use_reversible_instance_norm=True,
        n_epochs=2,
        random_state=0,
        pl_trainer_kwargs=darts_covariates.TRAINER,
    )
    fitted = [
        darts_covariates.case("training", 200, 0, 0, seed, level)
        for seed, level in [(1, 100.0), (2, 40.0), (3, 0.0)]
    ]
    model.fit(
        [darts_covariates.target(one.array(), one.number("static_0")) for one in fitted],
        past_covariates=[darts_covariates.stacked(one, ["past_0"], 0) for one in fitted],
        future_covariates=[
            darts_covariates.stacked(one, darts_covariates.FUTURE, 0) for one in fitted
        ],
    )
    return model


def comparison_cases() -> list[cases.Case]:
    case = darts_covariates.case
    return [
        case("a whole run", 60, HORIZON, HORIZON),
        case("fewer steps than a run", 60, 5, HORIZON),
        case("as short as can be", CONTEXT, HORIZON, HORIZON, 2),
        case("long", 400, HORIZON, HORIZON, 3, 0.0),
        case("large numbers", 100, HORIZON, HORIZON, 4, 1e6),
        # Whole runs: Darts ends its last run at the horizon and repeats steps of the previous one.
        case("two runs", 60, 2 * HORIZON, HORIZON, 5, knows_past_ahead=True),
    ]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "file written by the model's save")
    model = trained() if arguments.checkpoint is None else TiDEModel.load(arguments.checkpoint)
    darts_covariates.export(arguments, NAME, model, comparison_cases(), (True, True, True))


if __name__ == "__main__":
    main()
