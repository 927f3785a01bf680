"""Exports a PatchTST of transformers, with a Student t head, as a bundle."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from scipy import stats
from transformers import PatchTSTConfig, PatchTSTForPrediction
from transformers.time_series_utils import StudentTOutput

from almanac_examples import bundle, cases, graph, training

LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]


def domain_map(
    df: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return `StudentTOutput.domain_map` without its squeeze, which fails in ONNX.

    torch ignores a squeeze of an axis that is longer than one, ONNX does not.
    """
    scale = StudentTOutput.squareplus(scale).clamp_min(torch.finfo(scale.dtype).eps)
    return 2.0 + StudentTOutput.squareplus(df), loc, scale


class Graph(torch.nn.Module):
    """The forward pass, returning parameters [batch, parameter, time] in units of the series."""

    def __init__(self, model: PatchTSTForPrediction):
        super().__init__()
        # A copy, because the expected forecasts must come from the unmodified package.
        self.model = copy.deepcopy(model)
        self.model.head.projection.domain_map.function = domain_map

    def forward(self, past_values: torch.Tensor, past_observed_mask: torch.Tensor) -> torch.Tensor:
        output = self.model(past_values=past_values, past_observed_mask=past_observed_mask)
        # The same as `StudentTOutput.distribution` applies to the output of the head.
        df, loc, scale = output.prediction_outputs
        loc, scale = loc * output.scale + output.loc, scale * output.scale
        return torch.cat([df, loc, scale], dim=-1).transpose(1, 2)


def trained() -> PatchTSTForPrediction:
    """Train a small model, in a few seconds."""
    torch.manual_seed(0)
    config = PatchTSTConfig(
        num_input_channels=1,
        context_length=60,
        prediction_length=12,
        patch_length=12,
        patch_stride=6,
        d_model=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        ffn_dim=64,
        loss="nll",
        distribution_output="student_t",
        scaling="std",
        # The exporter does not support the fused attention.
        attn_implementation="eager",
    )
    model = PatchTSTForPrediction(config)

    def loss(past: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        return model(past_values=past, future_values=future).loss

    training.fit(model, loss, config.context_length, config.prediction_length)
    return model


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a PatchTST model")
    if arguments.checkpoint is None:
        model = trained()
    else:
        model = PatchTSTForPrediction.from_pretrained(
            arguments.checkpoint, attn_implementation="eager"
        ).eval()
    context_length, native = model.config.context_length, model.config.prediction_length

    def predict(case: cases.Case) -> np.ndarray:
        values, mask = training.observed(case, context_length)
        with torch.no_grad():
            output = model(past_values=values, past_observed_mask=mask)
            distribution = model.distribution_output.distribution(
                output.prediction_outputs, loc=output.loc, scale=output.scale
            )
        # torch has no Student t quantiles: scipy computes them from the package's parameters.
        inner = distribution.base_dist.base_dist
        loc = inner.loc * distribution.scale + distribution.loc
        scale = inner.scale * distribution.scale
        flat = [
            part.expand_as(inner.df).flatten().double().numpy() for part in (inner.df, loc, scale)
        ]
        quantiles = stats.t.ppf(np.array(LEVELS)[:, None], *flat)
        return quantiles[:, : case.horizon]

    onnx = graph.export(
        Graph(model),
        {
            "past_values": torch.randn(2, context_length, 1),
            "past_observed_mask": torch.ones(2, context_length, 1, dtype=torch.bool),
        },
        "parameters",
    )
    bundle.write(
        arguments,
        HERE / "manifest.toml",
        onnx,
        cases.standard(native, context_length),
        predict,
        {
            "context.max_length": context_length,
            "horizon.native": native,
            "horizon.longest": native,
        },
    )


if __name__ == "__main__":
    main()
