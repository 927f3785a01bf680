"""The model in Triton's own Python backend, without PyTriton."""

import os
import sys
from collections.abc import Sequence
from typing import Any

# Triton's stub uses a Python that ignores PYTHONPATH and virtual environments.
sys.path[:0] = os.environ["PEER_PATH"].split(":")

import numpy as np  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402

from forecaster import Forecaster  # noqa: E402


def joined(requests: Sequence[Any], name: str) -> np.ndarray:
    """Return one input of all requests, with rows concatenated."""
    tensors = [pb_utils.get_input_tensor_by_name(request, name) for request in requests]
    return np.concatenate([tensor.as_numpy() for tensor in tensors])


class TritonPythonModel:
    """The model; Triton requires this class name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model, once and before it is ready."""
        self.forecaster = Forecaster.from_environment()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Forecast the waiting requests, which may have several rows each."""
        quantiles = self.forecaster.run(
            joined(requests, "values"),
            joined(requests, "season_length")[:, 0],
            int(joined(requests, "horizon").max()),
        ).astype(np.float32)
        rows = [
            pb_utils.get_input_tensor_by_name(request, "horizon").shape()[0] for request in requests
        ]
        parts = np.split(quantiles, np.cumsum(rows)[:-1])
        return [
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("quantiles", part)])
            for part in parts
        ]
