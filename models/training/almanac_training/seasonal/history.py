"""Preparation of the context: scaling, alignment to the last observation, logarithms.

Steps are counted from the last observed value, so that a gap at the end of the context only moves
the start of the forecast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..tensor import FLOAT, INT, Tensor, between, concatenate, where

# A series has a logarithmic variant if its smallest value is above this share of its mean absolute
# value; closer to zero, logarithms would depend on that value alone.
MIN_FOR_LOGARITHM = 0.01

# Larger than any scaled value, and small enough for float32 arithmetic.
FAR = 1e30


@dataclass
class History:
    """A prepared context; T includes the padding that `read` inserts before it."""

    scaled: Tensor  # [B, 1, T], divided by `scale`, zero where missing
    far: Tensor  # [B, 1, T], the same, FAR where missing
    variants: Tensor  # [B, V, T], raw and logarithmic, both centred, zero where missing
    channels: Tensor  # [B, V + 1, T], `variants` and `observed`
    centre: Tensor  # [B, V, 1], subtracted by centring
    observed: Tensor  # [B, 1, T], one where observed, zero where missing
    missing: Tensor  # [B, 1, T], bool
    scale: Tensor  # [B, 1, 1], mean absolute value
    count: Tensor  # [B, 1, 1], number of observed values
    positive: Tensor  # [B, 1, 1], one if the logarithmic variant may be used
    span: Tensor  # [B, 1, 1], steps from the first to the last observed value
    trailing: Tensor  # [B, 1, 1], missing values after the last observed one
    length: Tensor  # scalar, T
    position: Tensor  # [T], counted from the end: -1 is the last observed value

    def with_variants(self, variants: Tensor) -> History:
        """Return a copy with other values [B, V, T], which are zero where missing."""
        channels = concatenate([variants, self.observed], axis=1)
        return replace(self, variants=variants, channels=channels)

    def places(self, steps_back: Tensor) -> Tensor:
        """Return the positions of steps counted back from the last observed value.

        Steps before the history map to the first position, which is missing.
        """
        return (-1 - steps_back).maximum(-self.length)


def read(context: Tensor, padding: int = 1) -> History:
    """Read a context [B, T], with NaN for missing values and for padding on the left.

    At least one missing step is inserted before it: positions before the history are clamped to
    that step, and need no mask.
    """
    context = context.unsqueeze(1).pad([0, 0, padding], [0, 0, 0], float("nan"))
    length, context = context.size(2), context.unshaped()
    position = between(-length, length.graph.constant(0, INT))
    absent = context.isnan().cast(FLOAT)
    # If all values are missing, both are found in the padding: no span may reach before that.
    first, after = absent.argmin(2).maximum(padding), absent.argmin(2, last=True) + 1

    # Positions below zero count from the end, which moves the missing values after the last
    # observed one to the front.
    aligned = context.take_along(position + after, 2)
    missing = aligned.isnan()
    observed = (~missing).cast(FLOAT)
    count = observed.sum(2).maximum(1.0)

    values = where(missing, 0.0, aligned)
    scale = values.abs().sum(2) / count
    scale = where(scale > 0.0, scale, 1.0)
    scaled = values / scale

    far = where(missing, FAR, scaled)
    positive = far.min(2) > MIN_FOR_LOGARITHM
    logarithm = where(positive & ~missing, scaled, 1.0).log()
    variants = concatenate([scaled, logarithm], axis=1)
    # Centring before cumulative sums keeps float32 rounding errors small relative to the signal.
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
