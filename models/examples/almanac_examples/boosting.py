"""LightGBM boosters: loading or training, and conversion. Needs lightgbm and onnxmltools."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import lightgbm
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

# Description of `--checkpoint` in the exports.
CHECKPOINT = "text file that the booster's save_model wrote"


def booster(
    arguments: argparse.Namespace, trained: Callable[[], lightgbm.Booster]
) -> lightgbm.Booster:
    """Load the booster of the given checkpoint, or call `trained` to train one."""
    if arguments.checkpoint is None:
        return trained()
    return lightgbm.Booster(model_file=arguments.checkpoint)


def graph(trees: lightgbm.Booster) -> bytes:
    """Convert to ONNX: `features` float32 [batch, feature] to `variable` float32 [batch, 1]."""
    features = FloatTensorType([None, trees.num_feature()])
    onnx = convert_lightgbm(trees, initial_types=[("features", features)], zipmap=False)
    return onnx.SerializeToString()
