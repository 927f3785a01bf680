"""FastAPI as its tutorial writes it: a typed body, a typed answer, one request at a time."""

from fastapi import FastAPI
from pydantic import BaseModel

from forecaster import Forecaster

app = FastAPI()
forecaster = Forecaster.from_environment()


class Body(BaseModel):
    """What a client sends, in Almanac's short form."""

    values: list[float | None]
    horizon: int
    frequency: str = ""
    season_length: int | None = None


class Answer(BaseModel):
    """What it gets; a declared type is written by pydantic, faster than the json module."""

    quantiles: dict[str, list[float]]


@app.get("/ready")
async def ready() -> str:
    """The app is imported after the model is loaded, so an answer means ready."""
    return "ok"


@app.post("/forecast")
async def forecast(body: Body) -> Answer:
    """`async`, although the model blocks: on one core a thread for each request only adds to it."""
    return Answer.model_construct(**forecaster.forecast([body.model_dump()])[0])
