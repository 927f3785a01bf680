"""FastAPI as in its tutorial: a typed body, a typed response, one request at a time."""

from fastapi import FastAPI
from pydantic import BaseModel

from forecaster import Forecaster

app = FastAPI()
forecaster = Forecaster.from_environment()


class Body(BaseModel):
    """A request in Almanac's short form."""

    values: list[float | None]
    horizon: int
    frequency: str = ""
    season_length: int | None = None


class Answer(BaseModel):
    """A response; pydantic serializes declared types faster than the json module."""

    quantiles: dict[str, list[float]]


@app.get("/ready")
async def ready() -> str:
    """Respond once the module is imported, which is after the model was loaded."""
    return "ok"


@app.post("/forecast")
async def forecast(body: Body) -> Answer:
    """Forecast in the event loop: on one core, a thread per request would only add overhead."""
    return Answer.model_construct(**forecaster.forecast([body.model_dump()])[0])
