"""The trained part: a network that weights the experts for one series."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from . import settings

DROPOUT = 0.1

# Dropping some features makes the gate less certain on series unlike those it was trained on.
FEATURE_DROPOUT = 0.1
MIN_DEVIATION = 1e-3


class Block(nn.Module):
    """Residual block: normalize to unit root mean square, expand, contract."""

    def __init__(self, width: int):
        super().__init__()
        self.expand = nn.Linear(width, width)
        self.contract = nn.Linear(width, width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        inner = functional.silu(self.expand(normalize(state)))
        return state + self.contract(self.dropout(inner))


def normalize(state: torch.Tensor) -> torch.Tensor:
    """Divide by the root mean square over the last axis."""
    return state * torch.rsqrt((state * state).mean(-1, keepdim=True) + settings.EPSILON)


class Gate(nn.Module):
    """Maps features [B, F] to outputs [B, J, OUTPUTS], J being the knots."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor, width: int = settings.WIDTH):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp(min=MIN_DEVIATION))
        self.enter = nn.Linear(len(mean), width)
        blocks = [Block(width) for _ in range(settings.BLOCKS)]
        self.blocks = nn.ModuleList(blocks)
        self.leave = nn.Linear(width, len(settings.KNOTS) * settings.OUTPUTS)
        with torch.no_grad():
            for block in blocks:
                block.contract.weight.mul_(0.5)
            self.leave.weight.mul_(0.3)
            self.leave.bias.zero_()
            bias = self.leave.bias.reshape(len(settings.KNOTS), settings.OUTPUTS)
            # Start near a useful solution: small special shares, gaps like those of a normal.
            bias[:, settings.EXPERTS :][:, 0:3] = -2.0
            bias[:, -(settings.QUANTILES - 1) :] = -0.8

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = (features.float() - self.mean) / self.deviation
        features = features.clamp(-settings.MAX_FEATURE, settings.MAX_FEATURE)
        state = self.enter(functional.dropout(features, FEATURE_DROPOUT, self.training))
        for block in self.blocks:
            state = block(state)
        output = self.leave(normalize(state))
        return output.reshape(len(features), len(settings.KNOTS), settings.OUTPUTS)


def loss(
    forecast: torch.Tensor, target: torch.Tensor, error_scale: torch.Tensor, levels: torch.Tensor
) -> torch.Tensor:
    """Return the pinball loss of [B, Q, K] against [B, K], in units of seasonal naive's error.

    A term above `DAMPED_FROM` enters by its logarithm, so that no single series dominates a batch.
    """
    known = torch.isfinite(target)
    target = torch.where(known, target, torch.zeros_like(target))
    difference = (target.unsqueeze(1) - forecast) / error_scale[:, None, None]
    levels = levels[None, :, None]
    pinball = torch.maximum(levels * difference, (levels - 1.0) * difference)
    over = (pinball / DAMPED_FROM).clamp(min=1.0)
    damped = torch.where(pinball > DAMPED_FROM, DAMPED_FROM * (1.0 + over.log()), pinball)
    weight = known.float().unsqueeze(1) * level_weights(levels)
    return 2.0 * (damped * weight).sum() / weight.sum()


DAMPED_FROM = 8.0

# The four outer quantiles are served but not scored: they weigh less.
OUTER_WEIGHT = 0.5


def level_weights(levels: torch.Tensor) -> torch.Tensor:
    """Return the weight of each quantile level in the loss."""
    outer = (levels < 0.09) | (levels > 0.91)
    return torch.where(outer, torch.full_like(levels, OUTER_WEIGHT), torch.ones_like(levels))
