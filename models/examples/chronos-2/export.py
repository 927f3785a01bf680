"""Exports a Chronos-2 model as a bundle that forecasts single series with their covariates."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from chronos import Chronos2Pipeline
from chronos.chronos2.config import Chronos2CoreConfig
from chronos.chronos2.model import Chronos2Model

from almanac_examples import bundle, cases, graph

LEVELS = [0.01, *(round(0.05 * step, 2) for step in range(1, 20)), 0.99]


def group_time_mask(
    group_ids: torch.Tensor, attention_mask: torch.Tensor, floating_type: torch.dtype
) -> torch.Tensor:
    """Return the package's mask [time, 1, row, row] without products of booleans, for ONNX."""
    same = (group_ids[:, None] == group_ids[None, :]).to(floating_type)
    seen = same[:, :, None] * attention_mask[None, :, :]
    return (1.0 - seen.permute(2, 0, 1)[:, None]) * torch.finfo(floating_type).min


class Graph(torch.nn.Module):
    """`Chronos2Model.forward` with the patches beyond each row's own horizon masked.

    The model forecasts a requested number of patches, and attention runs between them. Here the
    number is fixed, and a row attends to those that the package would have created for it.
    """

    def __init__(self, model: Chronos2Model):
        super().__init__()
        # A copy, because the expected forecasts must come from the unmodified package.
        model = copy.deepcopy(model)
        self.model = model
        self.patches = model.chronos_config.max_output_patches
        self.patch = model.chronos_config.output_patch_size
        model.encoder._construct_and_invert_group_time_mask = group_time_mask

    def patched_future(
        self, known: torch.Tensor, loc_scale: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """`_prepare_patched_future` without its data-dependent checks, which cannot be exported."""
        empty, _ = self.model._prepare_patched_future(
            future_covariates=None,
            future_covariates_mask=None,
            loc_scale=loc_scale,
            num_output_patches=self.patches,
            batch_size=known.shape[0],
        )
        scaled, _ = self.model.instance_norm(known, loc_scale)
        seen = torch.isnan(known).logical_not()
        parts = [torch.where(seen, scaled, 0.0), seen.float()]
        parts = [part.unflatten(1, (self.patches, self.patch)) for part in parts]
        return torch.cat([empty[..., : self.patch], *parts], dim=-1)

    def forward(
        self,
        context: torch.Tensor,
        group_ids: torch.Tensor,
        future_covariates: torch.Tensor,
        horizon: torch.Tensor,
    ) -> torch.Tensor:
        model, rows = self.model, context.shape[0]
        past, past_mask, loc_scale = model._prepare_patched_context(context=context)
        future = self.patched_future(future_covariates, loc_scale)
        wanted = (horizon + self.patch - 1) // self.patch
        future_mask = torch.arange(self.patches)[None, :] < wanted[:, None]
        embedded = [model.input_patch_embedding(past)]
        mask = [past_mask.float()]
        if model.chronos_config.use_reg_token:
            register = torch.full((rows, 1), model.config.reg_token_id)
            embedded.append(model.shared(register))
            mask.append(torch.ones(rows, 1))
        hidden = model.encoder(
            inputs_embeds=torch.cat([*embedded, model.input_patch_embedding(future)], dim=1),
            attention_mask=torch.cat([*mask, future_mask.float()], dim=1),
            group_ids=group_ids,
        )[0]
        scaled = model.output_patch_embedding(hidden[:, -self.patches :])
        scaled = scaled.unflatten(2, (model.num_quantiles, self.patch))
        scaled = scaled.transpose(1, 2).flatten(1)
        return model.instance_norm.inverse(scaled, loc_scale).unflatten(
            1, (model.num_quantiles, self.patches * self.patch)
        )


def with_covariates(name: str, length: int, horizon: int, seed: int) -> cases.Case:
    """Return sales with a price that is known ahead, and visitors with one missing value."""
    visitors = cases.visitors(length, seed)
    return cases.Case(
        name,
        cases.sales(length, 100.0, seed),
        horizon,
        12,
        past={"visitors": [*visitors[:-3], None, *visitors[-2:]]},
        future={"price": cases.price(length + horizon, seed)},
    )


def comparison_cases(longest: int, context_length: int) -> list[cases.Case]:
    monthly = cases.passengers()
    price = cases.price(len(monthly) + 20, 5)
    visitors = cases.visitors(len(monthly), 6)
    return [
        *cases.standard(64, context_length),
        cases.Case("the longest", monthly, longest),
        with_covariates("covariates", 100, 12, 1),
        with_covariates("covariates over some patches", 300, 40, 2),
        with_covariates("covariates of a short series", 9, 12, 3),
        cases.Case("known ahead alone", monthly, 20, 12, future={"price": price}),
        cases.Case("known of the past alone", monthly, 12, 12, past={"visitors": visitors}),
    ]


def small() -> Chronos2Model:
    """Return the published architecture, narrow and with random weights."""
    torch.manual_seed(0)
    config = Chronos2CoreConfig(
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        attn_implementation="eager",
        chronos_config={
            "context_length": 8192,
            "output_patch_size": 16,
            "input_patch_size": 16,
            "input_patch_stride": 16,
            "quantiles": LEVELS,
            "use_reg_token": True,
            "use_arcsinh": True,
            "max_output_patches": 64,
        },
    )
    model = Chronos2Model(config)
    head = model.output_patch_embedding
    graph.spread_levels([head.output_layer, head.residual_layer], LEVELS, 16)
    return model.eval()


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder or hub name of a Chronos-2 model")
    if arguments.checkpoint is None:
        pipeline = Chronos2Pipeline(small())
    else:
        # The exporter does not support the fused attention.
        pipeline = Chronos2Pipeline.from_pretrained(
            arguments.checkpoint, attn_implementation="eager"
        )
    config = pipeline.model.chronos_config

    patch, context_length = config.input_patch_size, config.context_length
    longest = config.max_output_patches * config.output_patch_size
    patches = torch.export.Dim("patches", min=1, max=context_length // patch)
    batch = graph.batch_axis()
    onnx = graph.export(
        Graph(pipeline.model),
        {
            "context": torch.randn(2, 4 * patch),
            "group_ids": torch.arange(2),
            "future_covariates": torch.full((2, longest), torch.nan),
            "horizon": torch.tensor([12, 40]),
        },
        "quantiles",
        {
            "context": {0: batch, 1: patch * patches},
            "group_ids": {0: batch},
            "future_covariates": {0: batch},
            "horizon": {0: batch},
        },
    )

    def predict(case: cases.Case) -> np.ndarray:
        if not case.covariates():
            return pipeline.predict([torch.tensor(case.array())], case.horizon)[0][0].numpy()
        length = len(case.values)
        inputs = {
            "target": case.array(),
            "past_covariates": {
                name: case.known(name)[:length] for name in [*case.past, *case.future]
            },
            "future_covariates": {name: case.known(name)[length:] for name in case.future},
        }
        return pipeline.predict([inputs], case.horizon)[0][0].numpy()

    bundle.write(
        arguments,
        HERE / "manifest.toml",
        onnx,
        comparison_cases(longest, context_length),
        predict,
        {
            "context.max_length": context_length,
            "context.multiple": patch,
            "horizon.native": longest,
            "horizon.longest": longest,
            "output.levels": config.quantiles,
        },
    )


if __name__ == "__main__":
    main()
