"""The context made ready: scaled, aligned to its last observation, with logarithms.

Steps are counted from the last observed value, so that a gap at the end of the
context only makes the forecast start later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..tensor import FLOAT, INT, Tensor, between, concatenate, where

# A series goes into the logarithmic variant when its smallest value is above this
# share of its mean absolute value; nearer to zero, logarithms see only that value.
SMALLEST_FOR_LOGARITHM = 0.01

# Larger than any scaled value, small enough for float32 arithmetic.
FAR = 1e30


@dataclass
class History:
    """T counts the padding that `read` puts before the context."""

    scaled: Tensor  # [B, 1, T], divided by `scale`, zero where missing
    far: Tensor  # [B, 1, T], the same, FAR where missing
    variants: Tensor  # [B, V, T], as is and logarithm, both centred, zero where missing
    channels: Tensor  # [B, V + 1, T], `variants` and `observed`
    centre: Tensor  # [B, V, 1], what centring took away
    observed: Tensor  # [B, 1, T], one where observed, zero where missing
    missing: Tensor  # [B, 1, T], bool
    scale: Tensor  # [B, 1, 1], mean absolute value
    count: Tensor  # [B, 1, 1], observed values
    positive: Tensor  # [B, 1, 1], one where the logarithmic variant may be used
    span: Tensor  # [B, 1, 1], steps from the first to the last observed value
    trailing: Tensor  # [B, 1, 1], missing values after the last observed one
    length: Tensor  # scalar, T
    position: Tensor  # [T], counted from the end: -1 is the last observed value

    def of(self, variants: Tensor) -> History:
        """The same with other values, [B, V, T] and zero where missing."""
        channels = concatenate([variants, self.observed], axis=1)
        return replace(self, variants=variants, channels=channels)

    def places(self, steps_back: Tensor) -> Tensor:
        """Positions so many steps before the last observed value; the first, which is missing,
        stands for all that lie before the history."""
        return (-1 - steps_back).maximum(-self.length)


def read(context: Tensor, padding: int = 1) -> History:
    """`context` is [B, T] with NaN for missing values and for padding on the left.

    At least one missing step is put before it, which stands for all there is not: a place
    before the history becomes that step's, and needs no mask.
    """
    context = context.unsqueeze(1).pad([0, 0, padding], [0, 0, 0], float("nan"))
    length, context = context.size(2), context.unshaped()
    position = between(-length, length.graph.constant(0, INT))
    absent = context.isnan().cast(FLOAT)
    # Where all is missing both are found in the padding: no span may reach before that.
    first, after = absent.argmin(2).maximum(padding), absent.argmin(2, last=True) + 1

    # Positions below zero count from the end: the missing values behind the last observed
    # one come to stand before the first.
    aligned = context.take_along(position + after, 2)
    missing = aligned.isnan()
    observed = (~missing).cast(FLOAT)
    count = observed.sum(2).maximum(1.0)

    values = where(missing, 0.0, aligned)
    scale = values.abs().sum(2) / count
    scale = where(scale > 0.0, scale, 1.0)
    scaled = values / scale

    far = where(missing, FAR, scaled)
    positive = far.min(2) > SMALLEST_FOR_LOGARITHM
    logarithm = where(positive & ~missing, scaled, 1.0).log()
    variants = concatenate([scaled, logarithm], axis=1)
    # Centring before any cumulative sum keeps float32 rounding away from the signal.
    centre = variants.sum(2) / count
    variants = (variants - centre) * observed
    return History(
        scaled=scaled,
        far=far,
        variants=variants,
        channels=concatenate([variants, observed], axis=1),
        centre=centre,
        observed=observed,
        missing=missing,
        scale=scale,
        count=count,
        positive=positive.cast(FLOAT),
        span=after - first,
        trailing=length - after,
        length=length,
        position=position,
    )
