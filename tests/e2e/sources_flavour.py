"""Registers a model with MLflow: an ONNX graph with a signature, and an alias.

    sources_flavour.py TRACKING_URI NAME FACTOR ALIAS

The graph forecasts six steps with FACTOR times the last of 24 values. Prints the time at which the alias
was moved, in nanoseconds since 1970.
"""

import sys
import time

import mlflow
import numpy as np
import onnx
from mlflow.models import infer_signature
from onnx import TensorProto, helper

uri, name, factor, alias = sys.argv[1:]
graph = helper.make_graph(
    [
        helper.make_node("Slice", ["history", "from", "to", "axis"], ["last"]),
        helper.make_node("Mul", ["last", "factors"], ["forecast"]),
    ],
    "last",
    [helper.make_tensor_value_info("history", TensorProto.FLOAT, ["batch", 24])],
    [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, ["batch", 6])],
    [
        helper.make_tensor("from", TensorProto.INT64, [1], [23]),
        helper.make_tensor("to", TensorProto.INT64, [1], [24]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("factors", TensorProto.FLOAT, [1, 6], [float(factor)] * 6),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)

mlflow.set_tracking_uri(uri)
signature = infer_signature(np.zeros((2, 24), np.float32), np.zeros((2, 6), np.float32))
logged = mlflow.onnx.log_model(model, name="model", signature=signature, registered_model_name=name)
version = logged.registered_model_version
mlflow.MlflowClient().set_registered_model_alias(name, alias, version)
print(time.time_ns())
