"""The model that MLflow logs as code and serves by its scoring server."""

from pathlib import Path

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel, PythonModelContext

from forecaster import Forecaster


class Model(PythonModel):
    """A pyfunc model, for the ONNX flavour would leave scaling and quantiles to the client."""

    def load_context(self, context: PythonModelContext) -> None:
        """Runs once in each worker."""
        self.forecaster = Forecaster(Path(context.artifacts["bundle"]))

    def predict(self, context, model_input, params=None):  # noqa: ANN001, ANN201
        """Gets the arrays of `inputs`. Not annotated: MLflow would make a schema of the types."""
        values = np.atleast_2d(model_input["values"])
        seasons = np.ravel(model_input["season_length"])
        quantiles = self.forecaster.run(values, seasons, int(np.max(model_input["horizon"])))
        return {"quantiles": quantiles}


mlflow.models.set_model(Model())
