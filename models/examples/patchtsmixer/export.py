"""Exports a PatchTSMixer of transformers, with a point head, as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from transformers import PatchTSMixerConfig, PatchTSMixerForPrediction

from almanac_examples import bundle, cases, graph, training


class Graph(torch.nn.Module):
    """The forward pass, returning the forecast only."""

    def __init__(self, model: PatchTSMixerForPrediction):
        super().__init__()
        self.model = model

    def forward(self, past_values: torch.Tensor, observed_mask: torch.Tensor) -> torch.Tensor:
        output = self.model(past_values=past_values, observed_mask=observed_mask, return_loss=False)
        return output.prediction_outputs


def trained() -> PatchTSMixerForPrediction:
    """Train a small model, in a few seconds."""
    torch.manual_seed(0)
    config = PatchTSMixerConfig(
        num_input_channels=1,
        context_length=60,
        prediction_length=12,
        patch_length=12,
        patch_stride=6,
        d_model=16,
        num_layers=2,
        scaling="std",
    )
    model = PatchTSMixerForPrediction(config)

    def loss(past: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        return model(past_values=past, future_values=future).loss

    training.fit(model, loss, config.context_length, config.prediction_length)
    return model


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a PatchTSMixer model")
    if arguments.checkpoint is None:
        model = trained()
    else:
        model = PatchTSMixerForPrediction.from_pretrained(arguments.checkpoint).eval()
    context_length, native = model.config.context_length, model.config.prediction_length

    def predict(case: cases.Case) -> np.ndarray:
        values, mask = training.observed(case, context_length)
        with torch.no_grad():
            output = model(past_values=values, observed_mask=mask, return_loss=False)
        return output.prediction_outputs[0, : case.horizon, 0].numpy()[None]

    onnx = graph.export(
        Graph(model),
        {
            "past_values": torch.randn(2, context_length, 1),
            "observed_mask": torch.ones(2, context_length, 1, dtype=torch.bool),
        },
        "prediction_outputs",
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
