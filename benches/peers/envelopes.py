"""Request and response formats of each protocol, for the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecaster import NAMES, season_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Envelope:
    """Conversion from a body in Almanac's short form, and to the quantiles of a response.

    `open` returns quantiles of shape `[level, step]`.
    """

    wrap: Callable[[Json], Json]
    open: Callable[[Any], Any]

    def request(self, body: bytes) -> bytes:
        """Return the bytes to post."""
        return json.dumps(self.wrap(json.loads(body)), separators=(",", ":")).encode()

    def quantiles(self, response: bytes) -> np.ndarray:
        """Return the quantiles of a response, one row per level."""
        return np.asarray(self.open(json.loads(response)), dtype=np.float64)


def by_name(quantiles: Json) -> list[list[float]]:
    """Return the rows of an object with a key per level."""
    return [quantiles[name] for name in NAMES]


def v2_request(body: Json) -> Json:
    """Return a request of the Open Inference Protocol, version 2: one tensor per field, one row."""
    values = {"shape": [1, len(body["values"])], "datatype": "FP32", "data": body["values"]}
    season = {"shape": [1, 1], "datatype": "INT64", "data": [season_of(body)]}
    horizon = {"shape": [1, 1], "datatype": "INT64", "data": [body["horizon"]]}
    inputs = {"values": values, "season_length": season, "horizon": horizon}
    return {"inputs": [{"name": name, **tensor} for name, tensor in inputs.items()]}


def v2_quantiles(response: Json) -> Any:
    """Return the only output, which holds levels and steps of one row as a flat list."""
    (output,) = response["outputs"]
    return np.reshape(output["data"], output["shape"])[0]


def inputs_request(body: Json) -> Json:
    """Return MLflow's `inputs` with one column per tensor."""
    tensors = {"values": [body["values"]], "season_length": [season_of(body)]}
    return {"inputs": {**tensors, "horizon": [body["horizon"]]}}


ENVELOPES = {
    "almanac": Envelope(lambda body: body, lambda out: by_name(out["forecasts"][0]["quantiles"])),
    "short": Envelope(lambda body: body, lambda out: by_name(out["quantiles"])),
    "bodies": Envelope(lambda body: {"bodies": [body]}, lambda out: by_name(out[0]["quantiles"])),
    "instances": Envelope(
        lambda body: {"instances": [body]}, lambda out: by_name(out["predictions"][0]["quantiles"])
    ),
    "inputs": Envelope(inputs_request, lambda out: out["predictions"]["quantiles"][0]),
    "v2": Envelope(v2_request, v2_quantiles),
}
