"""Exports a TinyTimeMixer of granite-tsfm as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from tsfm_public import TinyTimeMixerConfig, TinyTimeMixerForPrediction
from tsfm_public.toolkit.recursive_predictor import RecursivePredictor, RecursivePredictorConfig

from almanac_examples import bundle, cases, graph, training


class Graph(torch.nn.Module):
    """The forward pass, returning the forecast only."""

    def __init__(self, model: TinyTimeMixerForPrediction):
        super().__init__()
        self.model = model

    def forward(self, past_values: torch.Tensor, past_observed_mask: torch.Tensor) -> torch.Tensor:
        output = self.model(
            past_values=past_values, past_observed_mask=past_observed_mask, return_loss=False
        )
        return output.prediction_outputs


def small() -> TinyTimeMixerForPrediction:
    """Return the published architecture (512 to 96), narrow and with random weights."""
    torch.manual_seed(0)
    config = TinyTimeMixerConfig(
        context_length=512,
        prediction_length=96,
        patch_length=64,
        patch_stride=64,
        num_input_channels=1,
        d_model=32,
        num_layers=2,
        adaptive_patching_levels=2,
        use_decoder=True,
        decoder_d_model=16,
        decoder_num_layers=1,
        scaling="std",
    )
    return TinyTimeMixerForPrediction(config).eval()


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a TTM model")
    if arguments.checkpoint is None:
        model = small()
    else:
        model = TinyTimeMixerForPrediction.from_pretrained(arguments.checkpoint).eval()
    context_length, native = model.config.context_length, model.config.prediction_length

    def predict(case: cases.Case) -> np.ndarray:
        values, mask = training.observed(case, context_length)
        runs = -(-case.horizon // native)
        config = RecursivePredictorConfig(model, runs * native, native, loss="mse")
        with torch.no_grad():
            output = RecursivePredictor(config)(
                past_values=values,
                past_observed_mask=mask,
                future_observed_mask=torch.ones(1, runs * native, 1, dtype=torch.bool),
                return_dict=True,
            )
        return output.prediction_outputs[0, : case.horizon, 0].numpy()[None]

    onnx = graph.export(
        Graph(model),
        {
            "past_values": torch.randn(2, context_length, 1),
            "past_observed_mask": torch.ones(2, context_length, 1, dtype=torch.bool),
        },
        "prediction_outputs",
    )
    bundle.write(
        arguments,
        HERE / "manifest.toml",
        onnx,
        cases.standard(native, context_length, long_horizon=2 * native + 20),
        predict,
        {
            "context.max_length": context_length,
            "horizon.native": native,
            "horizon.longest": 4 * native,
        },
    )


if __name__ == "__main__":
    main()
