"""Exports a Chronos-Bolt model as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from chronos.chronos_bolt import ChronosBoltModelForForecasting, ChronosBoltPipeline
from transformers import T5Config

from almanac_examples import bundle, cases, graph

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


class Graph(torch.nn.Module):
    """The forward pass, returning quantiles only."""

    def __init__(self, model: ChronosBoltModelForForecasting):
        super().__init__()
        self.model = model

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        return self.model(context=context).quantile_preds


def small() -> ChronosBoltModelForForecasting:
    """Return the published architecture, narrow and with random weights."""
    torch.manual_seed(0)
    config = T5Config(
        d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    config.chronos_config = {
        "context_length": 2048,
        "prediction_length": 64,
        "input_patch_size": 16,
        "input_patch_stride": 16,
        "quantiles": LEVELS,
        "use_reg_token": True,
    }
    # The exporter does not support the fused attention.
    config._attn_implementation = "eager"
    model = ChronosBoltModelForForecasting(config)
    head = model.output_patch_embedding
    graph.spread_levels([head.output_layer, head.residual_layer], LEVELS, 64)
    return model.eval()


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a Chronos-Bolt model")
    if arguments.checkpoint is None:
        pipeline = ChronosBoltPipeline(small())
    else:
        pipeline = ChronosBoltPipeline.from_pretrained(
            arguments.checkpoint, attn_implementation="eager"
        )
    config = pipeline.model.chronos_config

    patch, context_length = config.input_patch_size, config.context_length
    patches = torch.export.Dim("patches", min=1, max=context_length // patch)
    onnx = graph.export(
        Graph(pipeline.model),
        {"context": torch.randn(2, 4 * patch)},
        "quantiles",
        {"context": {0: graph.batch_axis(), 1: patch * patches}},
    )

    def predict(case: cases.Case) -> np.ndarray:
        return pipeline.predict([torch.tensor(case.array())], case.horizon)[0].numpy()

    native = config.prediction_length
    bundle.write(
        arguments,
        HERE / "manifest.toml",
        onnx,
        cases.standard(native, context_length, long_horizon=2 * native + 12),
        predict,
        {
            "context.max_length": context_length,
            "context.multiple": patch,
            "horizon.native": native,
            "output.levels": config.quantiles,
        },
    )


if __name__ == "__main__":
    main()
