"""Ray Serve: an HTTP proxy, a controller and one replica, which batches and runs the model."""

import os
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from forecaster import Forecaster


@serve.deployment(num_replicas=1, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0})
class Model:
    """A deployment with one replica, since there is one core."""

    def __init__(self) -> None:
        self.forecaster = Forecaster.from_environment()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def forecast(self, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Forecast the whole batch in one run."""
        return self.forecaster.forecast(bodies)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Parse the request in the replica; a returned dict is serialized as JSON."""
        return await self.forecast(await request.json())


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=True, log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ["PEER_PORT"])},
        logging_config={"enable_access_log": False},
    )
    # The decorator adds `bind`.
    serve.run(Model.bind(), route_prefix="/forecast")  # type: ignore[attr-defined]
    threading.Event().wait()
