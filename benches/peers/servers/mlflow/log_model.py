"""Saves the model for `mlflow models serve`, which is started afterwards."""

import os
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        path=os.environ["PEER_WORK"] + "/model",
        python_model=str(Path(__file__).with_name("model.py")),
        artifacts={"bundle": os.environ["PEER_BUNDLE"]},
        signature=ModelSignature(
            inputs=Schema(
                [
                    TensorSpec(np.dtype(np.float64), (-1, -1), "values"),
                    TensorSpec(np.dtype(np.int64), (-1,), "season_length"),
                    TensorSpec(np.dtype(np.int64), (-1,), "horizon"),
                ]
            )
        ),
        pip_requirements=["numpy", "onnxruntime"],
    )
