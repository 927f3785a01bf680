"""The seed of this project: a Flask app that loads a model and answers one request at a time."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from forecaster import Forecaster

app = Flask(__name__)
forecaster = Forecaster.from_environment()


@app.get("/ready")
def ready() -> ResponseReturnValue:
    """The app is imported after the model is loaded, so an answer means ready."""
    return "ok"


@app.post("/forecast")
def forecast() -> ResponseReturnValue:
    """Flask has no batching: each request is a batch of one."""
    return jsonify(forecaster.forecast([request.get_json()])[0])
