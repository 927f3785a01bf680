"""BentoML: a Starlette app that batches, in the one process that runs the model."""

from typing import Any

import bentoml

from forecaster import Forecaster


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Model:
    """One worker, for there is one core."""

    def __init__(self) -> None:
        self.forecaster = Forecaster.from_environment()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=60000, route="/forecast")
    def forecast(self, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The dispatcher joins the lists of several requests and takes the answer apart.

        Plain objects, not pydantic's: BentoML works out the schema of the answer for each answer.
        """
        return self.forecaster.forecast(bodies)
