"""Exports a TimesFM 2.5 model as a bundle."""

from __future__ import annotations

import copy
import dataclasses
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from timesfm import ForecastConfig
from timesfm.timesfm_2p5 import timesfm_2p5_torch as package
from timesfm.torch import transformer

from almanac_examples import bundle, cases, graph

CONFIG = ForecastConfig(
    max_context=512,
    max_horizon=256,
    normalize_inputs=True,
    use_continuous_quantile_head=True,
    force_flip_invariance=True,
    infer_is_positive=True,
    fix_quantile_crossing=True,
)


class Graph(torch.nn.Module):
    """`compiled_decode` without the steps of the server: scaling, flipping, clipping, sorting."""

    def __init__(self, module: package.TimesFM_2p5_200M_torch_module):
        super().__init__()
        self.module = module
        for layer in module.modules():
            if isinstance(layer, transformer.MultiHeadAttention):
                layer.forward = growing_attention.__get__(layer)

    def forward(self, context: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        blocks, spread, rolled = self.module.decode(CONFIG.max_horizon, context, mask)
        forecast = blocks[:, -1]
        if rolled is not None:
            forecast = torch.cat([forecast, rolled.flatten(1, 2)], dim=1)
        # The continuous head returns the distance of the other quantiles from the median.
        median = self.module.aridx
        spread = spread[:, : forecast.shape[1]]
        quantiles = spread - spread[..., median, None] + forecast[..., median, None]
        return torch.cat([forecast[..., :1], quantiles[..., 1:]], dim=-1)


def growing_attention(
    layer: transformer.MultiHeadAttention,
    inputs_q: torch.Tensor,
    *,
    decode_cache: package.util.DecodeCache,
    patch_mask: torch.Tensor,
) -> tuple[torch.Tensor, package.util.DecodeCache]:
    """The package's attention with a cache that grows, instead of one with unused positions.

    A graph cannot write into a slice of a tensor at a computed position.
    """
    rows, patches, _ = inputs_q.shape
    shape = (rows, patches, layer.num_heads, layer.head_dim)
    query, key, value = (
        part.reshape(shape) for part in torch.chunk(layer.qkv_proj(inputs_q), 3, dim=-1)
    )
    earlier = getattr(decode_cache, "written", 0)
    masked = patch_mask.to(torch.int32).sum(dim=-1) + decode_cache.num_masked
    position = torch.arange(patches)[None, :] + earlier - masked[:, None]
    query = layer.query_ln(layer.rotary_position_embedding(query, position))
    key = layer.key_ln(layer.rotary_position_embedding(key, position))
    if earlier > 0:
        key = torch.cat([decode_cache.key, key], dim=1)
        value = torch.cat([decode_cache.value, value], dim=1)
    cache = dataclasses.replace(decode_cache, num_masked=masked, key=key, value=value)
    cache.written = earlier + patches
    mask = transformer.make_attn_mask(
        query_length=patches,
        num_all_masked_kv=masked,
        query_index_offset=torch.full((1,), earlier),
        kv_length=cache.written,
    )
    # Not the fused attention: where padding masks every key, it returns zeros or NaN at random.
    attended = transformer._dot_product_attention(layer.per_dim_scale(query), key, value, mask)
    return layer.out(attended.flatten(2)), cache


def small() -> package.TimesFM_2p5_200M_torch:
    """Return the published architecture, narrow and with random weights."""
    torch.manual_seed(0)
    published = package.TimesFM_2p5_200M_torch_module.config
    width = {"hidden_dims": 64, "output_dims": 64}
    layer = dataclasses.replace(
        published.stacked_transformers.transformer, model_dims=64, hidden_dims=64, num_heads=4
    )
    head = {"input_dims": 64, "hidden_dims": 64, "use_bias": True}

    class Small(package.TimesFM_2p5_200M_torch_module):
        config = dataclasses.replace(
            published,
            tokenizer=dataclasses.replace(published.tokenizer, **width),
            stacked_transformers=dataclasses.replace(
                published.stacked_transformers, num_layers=2, transformer=layer
            ),
            output_projection_point=dataclasses.replace(
                published.output_projection_point, **head, output_dims=128 * 10
            ),
            output_projection_quantiles=dataclasses.replace(
                published.output_projection_quantiles, **head, output_dims=1024 * 10
            ),
        )

    model = package.TimesFM_2p5_200M_torch(torch_compile=False)
    model.model = Small().eval()
    levels = [0.5, *published.quantiles]
    point, spread = model.model.output_projection_point, model.model.output_projection_quantiles
    graph.spread_levels([point.output_layer, point.residual_layer], levels, 128, last=True)
    graph.spread_levels([spread.output_layer, spread.residual_layer], levels, 1024, last=True)
    return model


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a TimesFM 2.5 model")
    if arguments.checkpoint is None:
        model = small()
    else:
        model = package.TimesFM_2p5_200M_torch.from_pretrained(
            arguments.checkpoint, torch_compile=False
        )
    model.compile(CONFIG)

    def predict(case: cases.Case) -> np.ndarray:
        _, quantiles = model.forecast(case.horizon, [case.array()])
        return quantiles[0, :, 1:].T

    context_length, native = CONFIG.max_context, CONFIG.max_horizon
    onnx = graph.export(
        Graph(copy.deepcopy(model.model)),
        {
            "context": torch.randn(2, context_length),
            "mask": torch.zeros(2, context_length, dtype=torch.bool),
        },
        "quantiles",
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
