"""Trains LightGBM on lags of the example series, and exports it as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import lightgbm
import numpy as np

from almanac_examples import boosting, bundle, cases, trees

# The farthest lag, and one more value for its difference.
MIN_LENGTH = 13


def features(changes: np.ndarray, month: float) -> list[float]:
    """Return the features of the step after `changes`, in the order of the manifest."""
    rolling = [changes[-12:].mean(), changes[-7:-1].std(ddof=1)]
    return [*trees.lags(changes), *rolling, month]


def examples(values: np.ndarray, has_calendar: bool) -> tuple[list[list[float]], list[float]]:
    """Return features and target of every step."""
    changes = np.diff(values)
    rows, targets = [], []
    for step in range(trees.LAGS, len(changes)):
        # The first change belongs to the second month.
        month = (step + 1) % 12 + 1 if has_calendar else np.nan
        rows.append(features(changes[:step], month))
        targets.append(changes[step])
    return rows, targets


def trained() -> lightgbm.Booster:
    """Train on the passengers and a synthetic series."""
    series = [(cases.passengers(), True), (cases.synthetic(400, 12, 40.0), False)]
    made = [examples(np.array(values), has_calendar) for values, has_calendar in series]
    rows = np.array([row for part, _ in made for row in part], dtype=np.float32)
    targets = np.array([target for _, part in made for target in part])
    settings = {
        "objective": "regression",
        "num_leaves": 15,
        "seed": 0,
        "verbose": -1,
        "num_threads": 1,
    }
    return lightgbm.train(settings, lightgbm.Dataset(rows, targets), num_boost_round=80)


def comparison_cases() -> list[cases.Case]:
    """Return the standard cases, and one with a calendar, for which the month is a feature."""
    monthly = cases.passengers()
    dated = cases.Case("with a calendar", monthly, 24, 12, start="1949-01-01", frequency="MS")
    return [*cases.standard(1, 2048, long_horizon=24, gaps=False, min_length=MIN_LENGTH), dated]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, boosting.CHECKPOINT)
    booster = boosting.booster(arguments, trained)

    def predict(case: cases.Case) -> np.ndarray:
        values = trees.filled(case.array())[-2048:]
        changes, steps = np.diff(values), []
        for ahead in range(case.horizon):
            month = np.nan if case.start is None else (len(case.values) + ahead) % 12 + 1
            row = np.array([features(changes, month)], dtype=np.float32)
            changes = np.append(changes, booster.predict(row)[0])
            steps.append(changes[-1])
        return (values[-1] + np.cumsum(steps))[None]

    onnx = boosting.graph(booster)
    bundle.write(arguments, HERE / "manifest.toml", onnx, comparison_cases(), predict)


if __name__ == "__main__":
    main()
