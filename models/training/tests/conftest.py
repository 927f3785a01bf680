"""Fixtures: the shipped bundles."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

MODELS = Path(__file__).resolve().parents[2]
BUNDLES = ("almanac", "seasonal")


@pytest.fixture(scope="session", params=BUNDLES)
def bundle_folder(request: pytest.FixtureRequest) -> Path:
    return MODELS / request.param / "1"


@pytest.fixture(scope="session")
def run(bundle_folder):
    """Run the bare graph on contexts of any lengths, to quantiles [row, level, step]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = bundle_folder / "model.onnx"
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def forecast(contexts, season_lengths, horizon, padding=0):
        longest = max(map(len, contexts)) + padding
        batch = np.full((len(contexts), longest), np.nan, dtype=np.float32)
        for row, context in zip(batch, contexts, strict=True):
            row[longest - len(context) :] = context
        feeds = {
            "context": batch,
            "season_length": np.array(season_lengths, dtype=np.int64),
            "horizon": np.array(horizon, dtype=np.int64),
        }
        (quantiles,) = session.run(["quantiles"], feeds)
        return quantiles

    return forecast


@pytest.fixture(scope="session")
def golden(bundle_folder) -> dict:
    return json.loads((bundle_folder / "golden.json").read_text())
