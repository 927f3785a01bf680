"""The context made ready: scaled, aligned to its last observation, with logarithms.

Steps are counted from the last observed value, so that a gap at the end of the
context only makes the forecast start later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..tensor import FLOAT, Tensor, arange, concatenate, where

# A series goes into the logarithmic variant when its smallest value is above this
# share of its mean absolute value; nearer to zero, logarithms see only that value.
SMALLEST_FOR_LOGARITHM = 0.01

# Larger than any scaled value, small enough for float32 arithmetic.
FAR = 1e30


@dataclass
class History:
    scaled: Tensor  # [B, 1, T], divided by `scale`, zero where missing
    variants: Tensor  # [B, V, T], as is and logarithm, both centred, zero where missing
    centre: Tensor  # [B, V, 1], what centring took away
    observed: Tensor  # [B, 1, T], one where observed, zero where missing
    scale: Tensor  # [B, 1, 1], mean absolute value
    count: Tensor  # [B, 1, 1], observed values
    positive: Tensor  # [B, 1, 1], one where the logarithmic variant may be used
    span: Tensor  # [B, 1, 1], steps from the first to the last observed value
    trailing: Tensor  # [B, 1, 1], missing values after the last observed one
    length: Tensor  # scalar, T


def read(context: Tensor) -> History:
    """`context` is [B, T] with NaN for missing values and for padding on the left."""
    length = context.size(1)
    position = arange(length).unsqueeze(0, 1)
    context = context.unsqueeze(1)
    seen = ~context.isnan()
    last = where(seen, position, -1).max(2)
    first = where(seen, position, length).min(2)
    trailing = length - 1 - last

    source = position - trailing
    aligned = context.take_along(source.maximum(0), 2)
    seen = ~aligned.isnan() & (source >= 0)
    observed = seen.cast(FLOAT)
    count = observed.sum(2)
    known = count.maximum(1.0)

    values = where(seen, aligned, 0.0)
    scale = values.abs().sum(2) / known
    scale = where(scale > 0.0, scale, 1.0)
    scaled = values / scale

    positive = where(seen, scaled, FAR).min(2) > SMALLEST_FOR_LOGARITHM
    logarithm = where(seen & positive, scaled, 1.0).log()
    variants = concatenate([scaled, logarithm], axis=1)
    # Centring before any cumulative sum keeps float32 rounding away from the signal.
    centre = variants.sum(2) / known
    return History(
        scaled=scaled,
        variants=(variants - centre) * observed,
        centre=centre,
        observed=observed,
        scale=scale,
        count=count,
        positive=positive.cast(FLOAT),
        span=last - first + 1,
        trailing=trailing,
        length=length,
    )
