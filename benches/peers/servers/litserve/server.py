"""LitServe: FastAPI in front, and one worker process that batches and runs the model."""

import os
from typing import Any

import litserve

from forecaster import Forecaster


class Model(litserve.LitAPI):
    """A model with default decoding and encoding: the body is a dict already."""

    def setup(self, device: str) -> None:
        """Load the model, once per worker."""
        self.forecaster = Forecaster.from_environment()

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the bodies as they are; the forecaster pads them itself."""
        return inputs

    def predict(self, x: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Forecast the whole batch in one run."""
        return self.forecaster.forecast(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the responses, which are separate already."""
        return output


if __name__ == "__main__":
    api = Model(max_batch_size=64, batch_timeout=0.005, api_path="/forecast")
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
