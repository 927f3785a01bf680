"""Export of a torch module to ONNX, and weights for untrained models. Needs torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence

import torch

# Maximum batch size in the graph; the manifest states the sizes that the server uses.
MAX_BATCH = 65_536


def batch_axis() -> torch.export.Dim:
    """Return the dynamic batch axis."""
    return torch.export.Dim("batch", min=1, max=MAX_BATCH)


def export(
    module: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    output: str | Sequence[str],
    axes: Mapping[str, Mapping[int, object]] | None = None,
) -> bytes:
    """Export `module`, called with `inputs` by position, with one or several named outputs.

    `axes` names the dynamic axes of each input; by default that is the first axis, the batch.
    Example inputs need at least two rows, or the exporter treats the number as fixed.
    """
    if axes is None:
        batch = batch_axis()
        axes = {name: {0: batch} for name in inputs}
    # The exporter logs every operator of packages that are not installed.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output] if isinstance(output, str) else list(output),
            dynamic_shapes=tuple(dict(axes[name]) for name in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    for value in proto.graph.input:
        for axis in axes[value.name]:
            if not value.type.tensor_type.shape.dim[axis].dim_param:
                raise ValueError(f"axis {axis} of {value.name} is not dynamic in the graph")
    return proto.SerializeToString(deterministic=True)


def spread_levels(
    layers: Sequence[torch.nn.Linear], levels: Sequence[float], steps: int, last: bool = False
) -> None:
    """Initialize output layers of an untrained model so that the levels are ordered and distinct.

    All levels of a step get nearly the same weights, and the bias of the first layer becomes the
    quantiles of a normal distribution. The layers return `steps` values per level, level by level
    or, if `last`, step by step. A trained model behaves like this; a random one returns crossing
    quantiles, which the server sorts and the package does not.
    """
    quantiles = torch.special.ndtri(torch.tensor(levels, dtype=torch.float64)).float()
    shape = (steps, len(levels)) if last else (len(levels), steps)
    level_axis = 1 if last else 0
    with torch.no_grad():
        for layer in layers:
            weight = layer.weight.unflatten(0, shape)
            shared = weight.narrow(level_axis, 0, 1)
            mixed = (0.2 * shared + 0.01 * (weight - shared)).flatten(0, 1)
            layer.weight.copy_(mixed / weight.std() / weight.shape[-1] ** 0.5)
            layer.bias.zero_()
        layers[0].bias.copy_(
            quantiles.repeat(steps) if last else quantiles.repeat_interleave(steps)
        )
