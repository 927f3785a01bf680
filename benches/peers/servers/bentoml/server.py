"""BentoML: a Starlette app that batches, in the one process that runs the model."""

from typing import Any

import bentoml

from forecaster import Forecaster


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Model:
    """A service with one worker, since there is one core."""

    def __init__(self) -> None:
        self.forecaster = Forecaster.from_environment()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=60000, route="/forecast")
    def forecast(self, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Forecast a batch; the dispatcher joins the lists of requests and splits the result.

        Plain objects instead of pydantic models: BentoML derives the schema for each response.
        """
        return self.forecaster.forecast(bodies)
