"""MLServer: its own runtime interface; adaptive batching joins the tensors of several requests."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from forecaster import Forecaster


class Model(MLModel):
    """Named in model-settings.json, where the batching is set."""

    async def load(self) -> bool:
        """Runs once, before the server says it is ready."""
        self.forecaster = Forecaster.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Inputs and output are tensors of the Open Inference Protocol, with one row a series."""
        tensors = {entry.name: NumpyCodec.decode_input(entry) for entry in payload.inputs}
        quantiles = self.forecaster.run(
            tensors["values"], tensors["season_length"][:, 0], int(tensors["horizon"].max())
        )
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("quantiles", quantiles.astype(np.float32))],
        )
