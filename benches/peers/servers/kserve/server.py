"""KServe's Python SDK: its model server with a custom model, over the V1 protocol."""

import argparse
import os
from typing import Any

from kserve import Model, ModelServer, model_server

from forecaster import Forecaster


class Forecast(Model):
    """A model without batching: KServe runs a separate agent in front for that."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        """Load the model, once and before the server listens."""
        self.forecaster = Forecaster.from_environment()
        self.ready = True
        return self.ready

    async def predict(
        self, payload: dict[str, Any], headers: dict[str, str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """Forecast the instances of one request as a batch."""
        return {"predictions": self.forecaster.forecast(payload["instances"])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser], conflict_handler="resolve")
    parser.parse_args()
    ModelServer(
        http_port=int(os.environ["PEER_PORT"]),
        workers=1,
        enable_grpc=False,
        enable_latency_logging=False,
    ).start([Forecast("forecaster")])
