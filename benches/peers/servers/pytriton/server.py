"""Triton from PyTriton's wheel: HTTP, JSON and batching in C++, the model in this process."""

import os

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from forecaster import Forecaster

forecaster = Forecaster.from_environment()


@batch
def infer(values: np.ndarray, season_length: np.ndarray, horizon: np.ndarray) -> list[np.ndarray]:
    """Forecast the stacked rows of all waiting requests."""
    quantiles = forecaster.run(values, season_length[:, 0], int(horizon.max()))
    return [quantiles.astype(np.float32)]


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PEER_PORT"]),
        allow_grpc=False,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="forecaster",
            infer_func=infer,
            inputs=[
                Tensor(name="values", dtype=np.float32, shape=(-1,)),
                Tensor(name="season_length", dtype=np.int64, shape=(1,)),
                Tensor(name="horizon", dtype=np.int64, shape=(1,)),
            ],
            outputs=[Tensor(name="quantiles", dtype=np.float32, shape=(3, -1))],
            config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher()),
            strict=False,
        )
        triton.serve()
