"""The same numbers in the request and the answer of each protocol."""

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
    """How a body in Almanac's short form is sent, and where its answer has the quantiles.

    What `open` gives has the shape `[level, step]`.
    """

    wrap: Callable[[Json], Json]
    open: Callable[[Json], Any]

    def request(self, body: bytes) -> bytes:
        """The bytes that are posted."""
        return json.dumps(self.wrap(json.loads(body)), separators=(",", ":")).encode()

    def quantiles(self, answer: bytes) -> np.ndarray:
        """The numbers of an answer, one row for each level."""
        return np.asarray(self.open(json.loads(answer)), dtype=np.float64)


def by_name(quantiles: Json) -> list[list[float]]:
    """The rows of an object with a key for each level."""
    return [quantiles[name] for name in NAMES]


def v2_request(body: Json) -> Json:
    """The Open Inference Protocol, version 2: a tensor for each field, one row."""
    values = {"shape": [1, len(body["values"])], "datatype": "FP32", "data": body["values"]}
    season = {"shape": [1, 1], "datatype": "INT64", "data": [season_of(body)]}
    horizon = {"shape": [1, 1], "datatype": "INT64", "data": [body["horizon"]]}
    inputs = {"values": values, "season_length": season, "horizon": horizon}
    return {"inputs": [{"name": name, **tensor} for name, tensor in inputs.items()]}


def v2_quantiles(answer: Json) -> Any:
    """The first and only output, a flat list of one row's levels and steps."""
    (output,) = answer["outputs"]
    return np.reshape(output["data"], output["shape"])[0]


def inputs_request(body: Json) -> Json:
    """MLflow's `inputs`: a column for each tensor."""
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
