"""The mixture of experts in PyTorch: from the gate's output to quantiles.

`mixture_graph` writes the same for ONNX. Shapes: B series, J knots, K steps, Q levels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from . import lines
from .errors import MIN_NOISE
from .settings import (
    CHANNELS,
    EXPERTS,
    EXTRAS,
    FAR_KNOT,
    GROUPS,
    IS_LOGARITHM,
    KNOT_STEPS,
    KNOTS,
    LINES,
    LOG_KNOTS,
    LOG_ZERO,
    MAX_EXCURSION,
    MAX_FAR_GROWTH,
    MAX_GROWTH,
    MAX_LOGARITHM,
    MIN_LEVEL,
    ROWS,
    SHAPE,
    TINY,
)

EvidenceTensors = dict[str, torch.Tensor]
Extra = dict[str, torch.Tensor]
ADJUSTMENTS = ROWS // CHANNELS


def quantiles(output: torch.Tensor, found: EvidenceTensors, steps: torch.Tensor) -> torch.Tensor:
    """Return quantiles [B, Q, K] in scaled units.

    `output` is [B, J, OUTPUTS], `steps` [B, K], and `found` holds the fields of
    `evidence.Evidence`.
    """
    weight = _weights(output[..., :EXPERTS], found["positive"])
    sizes = list(EXTRAS.values())
    extra = dict(zip(EXTRAS, output[..., EXPERTS:].split(sizes, dim=-1), strict=True))
    between = positions(steps)
    point, log_width = _point(weight, extra, found, steps, between)
    width = _width(extra, found, steps, between, log_width, point)

    # The direction of a series with a single value is unknown.
    varies = (found["highest"][:, :1] > found["lowest"][:, :1]).float()
    shape = torch.cat([functional.softplus(extra["gaps"]), extra["shift"] * varies], dim=-1)
    shape = (between @ shape) @ _constant(SHAPE.T, shape)
    spread = (point + width * shape).transpose(1, 2)
    recent = (between @ torch.sigmoid(extra["recent"])).transpose(1, 2)
    return spread + recent * (found["recent"] - spread)


def clip_negative(forecast: torch.Tensor, found: EvidenceTensors) -> torch.Tensor:
    """Clip at zero if the history has no negative value, as the server does."""
    nowhere = found["lowest"][:, :1] + found["centre"][:, :1] >= 0.0
    return torch.where(nowhere, forecast.clamp(min=0.0), forecast)


def positions(steps: torch.Tensor) -> torch.Tensor:
    """Return the interpolation weights of the knots for every step, [..., J]."""
    low, high = LOG_KNOTS[:-1], LOG_KNOTS[1:]
    log = steps.float().log().unsqueeze(-1)
    inside = (log - _constant(low, log)) * _constant(1.0 / (high - low), log)
    position = inside.clamp(0.0, 1.0).sum(-1, keepdim=True)
    knot = torch.arange(len(KNOTS), device=steps.device)
    return (1.0 - (position - knot).abs()).clamp(min=0.0)


def _weights(logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Return the weights of all experts [B, J, EXPERTS]; logarithmic ones only if allowed."""
    banned = _constant(LOG_ZERO * IS_LOGARITHM, logits) * (1.0 - positive)
    return torch.softmax(logits + banned, dim=-1)


def _point(
    weight: torch.Tensor,
    extra: Extra,
    found: EvidenceTensors,
    steps: torch.Tensor,
    between: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mixed forecast [B, K, 1], and the logarithmic width at the knots [B, J, 1]."""
    batch, knots = weight.shape[:2]
    by_row = weight[..., :LINES].reshape(batch, knots, ROWS, -1)
    other = weight[..., LINES:]
    share = by_row.sum(-1).reshape(batch, knots, ADJUSTMENTS, CHANNELS)
    by_channel = share.sum(2)

    def channels(rows: torch.Tensor) -> torch.Tensor:
        return rows.reshape(batch, knots, ADJUSTMENTS, -1).sum(2)

    at_knots = [
        channels((by_row * found["level"].unsqueeze(1)).sum(-1)),
        share[:, :, 1],
        share[:, :, 2],
        torch.sigmoid(extra["fast"]) * share[:, :, 1],
        by_channel[..., 1:],
        other,
        channels((by_row * found["step"].unsqueeze(1)) @ _constant(GROUPS, weight)),
    ]
    sizes = [part.shape[-1] for part in at_knots]
    at_steps = (between @ torch.cat(at_knots, dim=-1)).split(sizes, dim=-1)
    base, first, second, last, logarithm, others, slopes = at_steps

    damped = torch.stack([_damped(damping, steps) for damping in lines.DAMPINGS], dim=-1)
    slopes = slopes.reshape(*slopes.shape[:2], CHANNELS, -1)
    total = base + (slopes * damped.unsqueeze(2)).sum(-1)
    season, other = found["season"].transpose(1, 2).split(CHANNELS, dim=-1)
    total = total + first * season + second * other
    total = total + last * (found["fast"].transpose(1, 2) - season)
    centre = found["centre"].transpose(1, 2)
    naive = (others[..., :3] * found["naive"].transpose(1, 2)).sum(-1, keepdim=True)
    naive = naive - others[..., 4:] * centre[..., :1]
    shares = torch.cat([1.0 - logarithm, logarithm], dim=-1).clamp(min=TINY)
    total = torch.cat([total[..., :1] + naive, total[..., 1:]], dim=-1) / shares

    lowest, highest = found["lowest"].transpose(1, 2), found["highest"].transpose(1, 2)
    reach = MAX_EXCURSION * (highest - lowest)
    total = torch.minimum(torch.maximum(total, lowest - reach), highest + reach) + centre
    plain, multiplied = total[..., :1], total[..., 1:].clamp(max=MAX_LOGARITHM).exp()
    point = plain + logarithm * (multiplied - plain)
    return point, _knot_width(by_row, by_channel, extra, found)


def _knot_width(
    by_row: torch.Tensor, by_channel: torch.Tensor, extra: Extra, found: EvidenceTensors
) -> torch.Tensor:
    """Return the logarithmic width at every knot [B, J, 1], from noise and disagreement."""
    moved = found["step"].unsqueeze(1) * _constant(KNOT_STEPS, by_row).unsqueeze(1)
    forecast = found["level"].unsqueeze(1) + moved
    shape = (*forecast.shape[:2], ADJUSTMENTS, CHANNELS, -1)
    forecast, weight = forecast.reshape(shape), by_row.reshape(shape)
    share = by_channel.unsqueeze(2).unsqueeze(-1).clamp(min=TINY)
    mean = (weight * forecast).sum((2, 4), keepdim=True) / share
    apart = (weight * (forecast - mean).abs()).sum((2, 4))
    unit = torch.cat([torch.ones_like(found["present"]), found["present"].abs()], dim=-1)
    disagreement = (apart * unit).sum(-1, keepdim=True)
    width = found["noise"] + functional.softplus(extra["doubt"]) * disagreement
    return width.log() + extra["width"]


def _width(
    extra: Extra,
    found: EvidenceTensors,
    steps: torch.Tensor,
    between: torch.Tensor,
    log_width: torch.Tensor,
    point: torch.Tensor,
) -> torch.Tensor:
    """Return the width at every step, [B, K, 1]."""
    growth = log_width[:, -1:] - log_width[:, FAR_KNOT : FAR_KNOT + 1]
    growth = growth / float(LOG_KNOTS[-1] - LOG_KNOTS[FAR_KNOT])
    beyond = (steps.float().log() - float(LOG_KNOTS[-1])).clamp(min=0.0).unsqueeze(-1)
    log = between @ log_width + growth.clamp(0.0, MAX_FAR_GROWTH) * beyond

    level = torch.maximum(found["present"].abs(), found["noise"])
    ratio = (point.abs() / level).clamp(min=MIN_LEVEL).log().clamp(max=MAX_GROWTH)
    log = log + (between @ torch.sigmoid(extra["growth"])) * ratio
    log = log + (between @ torch.sigmoid(extra["phase"])) * found["spread"].transpose(1, 2)
    # A constant series has no band: its noise is float32 rounding.
    moves = (found["noise"] > MIN_NOISE).float()
    return log.clamp(max=MAX_LOGARITHM).exp() * moves


def _damped(damping: float, steps: torch.Tensor) -> torch.Tensor:
    """Return damping + damping^2 + ... + damping^steps, elementwise."""
    steps = steps.float()
    if damping == 1.0:
        return steps
    return (damping / (1.0 - damping)) * (1.0 - (steps * float(np.log(damping))).exp())


def _constant(values: npt.ArrayLike, like: torch.Tensor) -> torch.Tensor:
    """Return a constant with the type and device of another tensor."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)
