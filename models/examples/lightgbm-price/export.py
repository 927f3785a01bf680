"""Trains LightGBM on lags and on a price that is known ahead, and exports it as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import lightgbm
import numpy as np

from almanac_examples import boosting, bundle, cases, trees

REGIONS = ["north", "south"]


def features(
    values: np.ndarray, price: np.ndarray, visitors: np.ndarray, region: int
) -> list[float]:
    """Return the features of the step after `values`, in the order of the manifest."""
    step = len(values)
    return [
        *trees.lags(values),
        values[-12:].mean(),
        price[step],
        price[step - 1],
        visitors[step - 12],
        float(region),
    ]


def case(name: str, length: int, horizon: int, seed: int, level: float = 100.0) -> cases.Case:
    """Return sales with a price that is known ahead, visitors and a region."""
    return cases.Case(
        name,
        cases.sales(length, level, seed),
        horizon,
        12,
        past={"visitors": cases.visitors(length, seed)},
        future={"price": cases.price(length + horizon, seed)},
        static={"region": REGIONS[seed % 2]},
    )


def known(case: cases.Case) -> tuple[np.ndarray, np.ndarray, int]:
    """Return price, visitors and the index of the region."""
    return case.known("price"), case.known("visitors"), REGIONS.index(case.category("region"))


def trained() -> lightgbm.Booster:
    """Train on synthetic sales."""
    rows, targets = [], []
    for seed in range(1, 5):
        one = case("training", 300, 0, seed, 30.0 * seed)
        values, outside = one.array(), known(one)
        for step in range(trees.LAGS, len(values)):
            rows.append(features(values[:step], *outside))
            targets.append(values[step])
    settings = {
        "objective": "regression",
        "num_leaves": 15,
        "seed": 0,
        "verbose": -1,
        "num_threads": 1,
    }
    data = lightgbm.Dataset(np.array(rows, dtype=np.float32), np.array(targets))
    return lightgbm.train(settings, data, num_boost_round=80)


def comparison_cases() -> list[cases.Case]:
    return [
        case("one step", 60, 1, 1, 30.0),
        case("a year", 60, 12, 2, 60.0),
        case("as short as can be", 12, 12, 3, 90.0),
        case("long", 400, 10, 4, 120.0),
    ]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, boosting.CHECKPOINT)
    booster = boosting.booster(arguments, trained)

    def predict(case: cases.Case) -> np.ndarray:
        values, outside = case.array(), known(case)
        for _ in range(case.horizon):
            row = np.array([features(values, *outside)], dtype=np.float32)
            values = np.append(values, booster.predict(row)[0])
        return values[len(case.values) :][None]

    onnx = boosting.graph(booster)
    bundle.write(arguments, HERE / "manifest.toml", onnx, comparison_cases(), predict)


if __name__ == "__main__":
    main()
