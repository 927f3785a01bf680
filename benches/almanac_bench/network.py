"""A synthetic neural forecaster with the cost of a real one; its forecasts are meaningless.

A residual multilayer perceptron on the last 512 values, with 64 steps of nine quantiles per run and
2.4 million random weights from a fixed seed. It complements the bundled model, which has many small
operators, whereas networks have a few large products of matrices.
Example:
  python -m almanac_bench.network target/benches/models
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

NAME, VERSION = "network", "1"
CONTEXT, STEPS, WIDTH, HIDDEN, BLOCKS = 512, 64, 512, 1024, 2
LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
SEED = 20240229
TOLERANCE = 1e-4

MANIFEST = f"""\
format = 1
name = "{NAME}"
version = "{VERSION}"
description = "Residual network with random weights, for measuring time and nothing else"
licence = "Apache-2.0"

[files]
{{files}}

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = {CONTEXT}
pad = "left"
missing = "nan"
scaling = "mean_abs"

[horizon]
native = {STEPS}
longest = {STEPS}

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = {LEVELS}

[postprocess]
non_negative = false
"""


class _Nodes:
    """The nodes and weights of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def dense(self, value: str, weights: np.ndarray) -> str:
        bias = np.zeros(weights.shape[1])
        return self.add("Gemm", value, self.constant(weights), self.constant(bias))


def build() -> onnx.ModelProto:
    """Build the graph, which has the same bytes every time."""
    graph, random = _Nodes(), np.random.default_rng(SEED)

    def weights(inputs: int, outputs: int) -> np.ndarray:
        return random.normal(0, inputs**-0.5, (inputs, outputs))

    window = _window(graph, "context")
    state = window
    for _ in range(BLOCKS):
        hidden = graph.add("Relu", graph.dense(state, weights(WIDTH, HIDDEN)))
        change = graph.dense(hidden, weights(HIDDEN, WIDTH))
        state = graph.add("Add", state, change)
    raw = graph.dense(state, weights(WIDTH, len(LEVELS) * STEPS))
    quantiles = _quantiles(graph, window, raw)
    graph.nodes.append(helper.make_node("Identity", [quantiles], ["quantiles"], name="quantiles"))
    return _model(graph)


def _window(graph: _Nodes, context: str) -> str:
    """Return the last CONTEXT values, with zeros for missing ones and before the first."""
    zero = graph.constant(0)
    known = graph.add("Where", graph.add("IsNaN", context), zero, context)
    before = graph.constant([0, CONTEXT, 0, 0], np.int64)
    padded = graph.add("Pad", known, before, zero)
    start, axis = graph.constant([-CONTEXT], np.int64), graph.constant([1], np.int64)
    end = graph.constant([np.iinfo(np.int64).max], np.int64)
    return graph.add("Slice", padded, start, end, axis)


def _quantiles(graph: _Nodes, window: str, raw: str) -> str:
    """Return slight changes of the last value, with bands that cannot cross."""
    levels, axis = len(LEVELS), graph.constant([1], np.int64)
    shape = graph.constant([-1, levels, STEPS], np.int64)
    scaled = graph.add("Mul", graph.add("Reshape", raw, shape), graph.constant(0.02))
    first, second = graph.constant([0], np.int64), graph.constant([1], np.int64)
    end = graph.constant([levels], np.int64)
    lowest = graph.add("Slice", scaled, first, second, axis)
    gaps = graph.add("Abs", graph.add("Slice", scaled, second, end, axis))
    stacked = graph.add("Concat", lowest, gaps, axis=1)
    # Cumulative sums over the levels, as a product with a triangular matrix of ones.
    ordered = graph.add("MatMul", graph.constant(np.tri(levels)), stacked)
    last = graph.add("Gather", window, graph.constant([CONTEXT - 1], np.int64), axis=1)
    return graph.add("Add", ordered, graph.add("Unsqueeze", last, graph.constant([2], np.int64)))


def _model(graph: _Nodes) -> onnx.ModelProto:
    context = helper.make_tensor_value_info("context", TensorProto.FLOAT, ["batch", "time"])
    quantiles = helper.make_tensor_value_info(
        "quantiles", TensorProto.FLOAT, ["batch", len(LEVELS), STEPS]
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, NAME, [context], [quantiles], graph.weights),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
        producer_name="almanac",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def write(root: Path) -> Path:
    """Write the bundle into `root` as `network/1`, and return its folder."""
    encoded = build().SerializeToString(deterministic=True)
    files = {"model.onnx": encoded, "golden.json": _golden(encoded).encode()}
    digests = "\n".join(
        f'"{name}" = "sha256:{hashlib.sha256(content).hexdigest()}"'
        for name, content in files.items()
    )
    files["manifest.toml"] = MANIFEST.format(files=digests).encode()
    folder = root / NAME / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _golden(encoded: bytes) -> str:
    """Return the forecasts of a short and a long series, scaled as the server scales."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(encoded, options, ["CPUExecutionProvider"])
    cases = []
    for name, length, horizon in [("short", 24, 12), ("long", 700, STEPS)]:
        values = [100.0 + step % 12 for step in range(length)]
        context = np.array(values[-CONTEXT:])
        scale = 2.0 ** np.round(np.log2(np.abs(context).mean()))
        (quantiles,) = session.run(None, {"context": (context / scale)[None].astype(np.float32)})
        expected = (quantiles[0, :, :horizon] * scale).round(4).tolist()
        cases.append(
            {"name": name, "values": values, "season_length": 12, "horizon": horizon}
            | {"quantiles": expected}
        )
    return json.dumps({"tolerance": {"relative": TOLERANCE}, "cases": cases}) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder in which network/1 is created")
    print(write(parser.parse_args().root))


if __name__ == "__main__":
    main()
