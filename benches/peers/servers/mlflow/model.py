"""The model that MLflow logs as code and serves in its scoring server."""

from pathlib import Path

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel, PythonModelContext

from forecaster import Forecaster


class Model(PythonModel):
    """A pyfunc model: the ONNX flavour would leave scaling and quantiles to the client."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model, once per worker."""
        self.forecaster = Forecaster(Path(context.artifacts["bundle"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Forecast the arrays of `inputs`. MLflow would derive a schema from annotations."""
        values = np.atleast_2d(model_input["values"])
        seasons = np.ravel(model_input["season_length"])
        quantiles = self.forecaster.run(values, seasons, int(np.max(model_input["horizon"])))
        return {"quantiles": quantiles}


mlflow.models.set_model(Model())
