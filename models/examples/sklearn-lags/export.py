"""Trains scikit-learn's boosted trees on lags, one model per quantile, and exports a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import onnx
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor

from almanac_examples import bundle, cases, trees

LEVELS = [0.1, 0.5, 0.9]
HORIZON = 12


def features(scaled: np.ndarray, step: int) -> list[float]:
    """Return the features for `step` steps after `scaled`, in the order of the manifest."""
    return [*trees.lags(scaled), scaled[-trees.LAGS :].max(), step]


def scaled(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the values with mean 0 and deviation 1, and their previous mean and deviation."""
    mean, deviation = values.mean(), values.std()
    return (values - mean) / deviation, mean, deviation


def trained() -> list[GradientBoostingRegressor]:
    """Train one model per quantile."""
    rows, targets = [], []
    for series in [cases.passengers(), cases.synthetic(400, 12, 40.0)]:
        values, _, _ = scaled(np.array(series))
        for end in range(trees.LAGS, len(values) - HORIZON):
            for step in range(1, HORIZON + 1):
                rows.append(features(values[:end], step))
                targets.append(values[end + step - 1])
    table = np.array(rows, dtype=np.float32)
    return [
        GradientBoostingRegressor(
            loss="quantile", alpha=level, n_estimators=60, max_leaf_nodes=12, random_state=0
        ).fit(table, targets)
        for level in LEVELS
    ]


def one_graph(models: list[GradientBoostingRegressor]) -> bytes:
    """Merge the graphs of the models into one, with one input and one output [row, quantile]."""
    graphs, last = [], []
    for model_idx, model in enumerate(models):
        row = np.zeros((1, trees.LAGS + 2), dtype=np.float32)
        converted = to_onnx(model, row, target_opset={"": 18, "ai.onnx.ml": 3})
        converted = onnx.compose.add_prefix(converted, f"level_{model_idx}_", rename_inputs=False)
        last.append(converted.graph.output[0].name)
        graphs.append(converted)
    merged, *others = graphs
    for other in others:
        merged.graph.node.extend(other.graph.node)
        merged.graph.initializer.extend(other.graph.initializer)
    name = merged.graph.input[0].name
    merged.graph.node.insert(0, onnx.helper.make_node("Identity", ["features"], [name]))
    merged.graph.node.append(onnx.helper.make_node("Concat", last, ["quantiles"], axis=1))
    number = onnx.TensorProto.FLOAT
    for values, value, width in [
        (merged.graph.input, "features", trees.LAGS + 2),
        (merged.graph.output, "quantiles", len(models)),
    ]:
        del values[:]
        values.append(onnx.helper.make_tensor_value_info(value, number, ["batch", width]))
    onnx.checker.check_model(merged)
    return merged.SerializeToString()


def main() -> None:
    arguments = bundle.parse_arguments(__doc__)
    models = trained()

    def predict(case: cases.Case) -> np.ndarray:
        values, mean, deviation = scaled(trees.filled(case.array())[-2048:])
        rows = [features(values, step) for step in range(1, case.horizon + 1)]
        table = np.array(rows, dtype=np.float32)
        return np.array([model.predict(table) for model in models]) * deviation + mean

    bundle.write(
        arguments,
        HERE / "manifest.toml",
        one_graph(models),
        cases.standard(HORIZON, 2048, gaps=False, min_length=trees.LAGS),
        predict,
    )


if __name__ == "__main__":
    main()
