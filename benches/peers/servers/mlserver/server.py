"""MLServer: a custom runtime, with adaptive batching that joins tensors of several requests."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from forecaster import Forecaster


class Model(MLModel):
    """The runtime named in model-settings.json, which configures the batching."""

    async def load(self) -> bool:
        """Load the model, once and before the server is ready."""
        self.forecaster = Forecaster.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Forecast tensors of the Open Inference Protocol with one row per series."""
        tensors = {entry.name: NumpyCodec.decode_input(entry) for entry in payload.inputs}
        quantiles = self.forecaster.run(
            tensors["values"], tensors["season_length"][:, 0], int(tensors["horizon"].max())
        )
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("quantiles", quantiles.astype(np.float32))],
        )
