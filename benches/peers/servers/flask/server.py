"""The predecessor of this project: a Flask app that forecasts one request at a time."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from forecaster import Forecaster

app = Flask(__name__)
forecaster = Forecaster.from_environment()


@app.get("/ready")
def ready() -> ResponseReturnValue:
    """Respond once the module is imported, which is after the model was loaded."""
    return "ok"


@app.post("/forecast")
def forecast() -> ResponseReturnValue:
    """Forecast a single request: Flask has no batching."""
    return jsonify(forecaster.forecast([request.get_json()])[0])
