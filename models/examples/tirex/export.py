"""Exports a TiRex model as a bundle."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from tirex.models.slstm.cell import sLSTMCell, sLSTMCellTorch
from tirex.models.tirex import TiRexZero

import recurrence
from almanac_examples import bundle, cases, graph

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


class Graph(torch.nn.Module):
    """One run of the model: from patches of the history to the next patch."""

    def __init__(self, model: TiRexZero):
        super().__init__()
        # A copy, because the expected forecasts must come from the unmodified package.
        self.model = copy.deepcopy(model)
        for module in self.model.modules():
            if isinstance(module, sLSTMCell):
                recurrence.as_one_operator(module)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        tokens, state = self.model.tokenizer.input_transform(context)
        mask = torch.isnan(tokens).logical_not().to(tokens.dtype)
        tokens = torch.where(torch.isnan(tokens), float(self.model.config.nan_mask_value), tokens)
        last = self.model._forward_model(torch.cat((tokens, mask), dim=2))[:, -1]
        levels, patch = len(self.model.config.quantiles), self.model.config.output_patch_size
        scaled = last.unflatten(-1, (levels, patch))
        return scaled * state.scale[:, :, None] + state.loc[:, :, None]


def compute_in_float32() -> None:
    """Make the package's CPU cell compute with the precision of its weights.

    It rounds the recurrence to bfloat16, as its GPU kernel does. No two programs round alike, so
    forecasts would differ by about a hundredth of the width of the band.
    """

    def in_float32(
        cell: sLSTMCell, gates: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        heads = (cell.config.num_heads, cell.config.num_gates, cell.config.head_dim)
        bias = cell._bias_.reshape(heads).permute(1, 0, 2).reshape(-1)
        gates = gates.reshape(gates.shape[0], gates.shape[1], -1)
        return sLSTMCellTorch.slstm_forward(gates, state, cell._recurrent_kernel_, bias)

    sLSTMCell._impl_torch = in_float32


def small() -> TiRexZero:
    """Return the published architecture, narrow and with random weights."""
    torch.manual_seed(0)
    config = {
        "input_patch_size": 32,
        "output_patch_size": 32,
        "quantiles": LEVELS,
        "block_kwargs": {"embedding_dim": 32, "num_heads": 4, "num_blocks": 2},
        "input_ff_dim": 64,
    }
    model = TiRexZero(backend="torch", model_config=config, train_ctx_len=2048)
    for name, parameter in model.named_parameters():
        if name.endswith(("_recurrent_kernel_", "_bias_", "gate.weight")):
            torch.nn.init.normal_(parameter, std=0.2)
    head = model.output_patch_embedding
    graph.spread_levels([head.output_layer, head.residual_layer], LEVELS, 32)
    return model.eval()


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "model.ckpt or hub name of a TiRex model")
    if arguments.checkpoint is None:
        model = small()
    else:
        model = TiRexZero.from_pretrained(arguments.checkpoint, backend="torch", device="cpu")
    config = model.config

    def predict(case: cases.Case) -> np.ndarray:
        context = torch.tensor(case.array(), dtype=torch.float32)
        quantiles, _ = model.forecast(context, prediction_length=case.horizon)
        return quantiles[0].numpy().T

    native, context_length = config.output_patch_size, config.train_ctx_len
    compared = cases.standard(native, context_length, long_horizon=3 * native)
    rounded = [predict(case) for case in compared]
    compute_in_float32()
    apart = max(
        np.abs(forecast - predict(case)).max() / np.abs(forecast).max()
        for case, forecast in zip(compared, rounded, strict=True)
    )
    print(
        f"rounding to bfloat16, the package's default, differs by {apart:.1e} of the largest value"
    )

    onnx = graph.export(
        Graph(model),
        {"context": torch.randn(2, context_length)},
        "quantiles",
    )
    bundle.write(
        arguments,
        HERE / "manifest.toml",
        recurrence.as_scans(onnx),
        compared,
        predict,
        {
            "context.max_length": context_length,
            "horizon.native": native,
            "output.levels": config.quantiles,
        },
    )


if __name__ == "__main__":
    main()
