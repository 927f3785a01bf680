"""BentoML: a Starlette app that batches, in the one process that runs the model."""

import bentoml
from pydantic import BaseModel

from forecaster import Forecaster


class Body(BaseModel):
    """What a client sends for one series; a batchable API takes a list of these."""

    values: list[float | None]
    horizon: int
    frequency: str = ""
    season_length: int | None = None


class Answer(BaseModel):
    """What it gets for one series."""

    quantiles: dict[str, list[float]]


@bentoml.service(workers=1, traffic={"timeout": 30, "max_concurrency": 1024})
class Model:
    """One worker, for there is one core."""

    def __init__(self) -> None:
        self.forecaster = Forecaster.from_environment()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000, route="/forecast")
    def forecast(self, bodies: list[Body]) -> list[Answer]:
        """The dispatcher joins the lists of several requests and takes the answer apart."""
        answers = self.forecaster.forecast([body.model_dump() for body in bodies])
        return [Answer.model_construct(**answer) for answer in answers]
