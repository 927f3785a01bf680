"""Synthetic series, for kinds with too few real ones. They are scored separately."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .corpus import HeldOut

SEED = 20
HALF_HOURLY, INTERMITTENT = 20, 40


def half_hourly() -> Iterator[HeldOut]:
    """Generate load-like series: daily patterns by day type, slow drift, autocorrelated noise."""
    rng = np.random.default_rng(SEED)
    day, steps = 48, 48 * 43
    hours = np.arange(steps) % day / day
    weekend = np.arange(steps) // day % 7 >= 5
    for i in range(HALF_HOURLY):
        profiles = [_profile(rng, hours) for _ in range(2)]
        pattern = np.where(weekend, rng.uniform(0.3, 1.0) * profiles[1], profiles[0])
        level = 4.0 + np.cumsum(rng.normal(0.0, rng.uniform(0.002, 0.02), steps))
        noise = _autoregressive(rng, steps, rng.uniform(0.6, 0.98)) * rng.uniform(0.05, 0.3)
        values = level + rng.uniform(0.5, 1.5) * pattern + noise
        if i % 2:
            values = np.exp(values / 2.0)
        yield HeldOut("made up", f"half-hourly {i}", values, 48, 336)


def _profile(rng: np.random.Generator, hours: np.ndarray) -> np.ndarray:
    """Return a random daily pattern at the given times, in shares of a day."""
    waves = [
        rng.normal() / (k + 1) * np.cos(2.0 * np.pi * ((k + 1) * hours + rng.uniform()))
        for k in range(5)
    ]
    return np.sum(waves, axis=0)


def _autoregressive(rng: np.random.Generator, steps: int, persistence: float) -> np.ndarray:
    values, shocks = np.zeros(steps), rng.normal(0.0, np.sqrt(1.0 - persistence**2), steps)
    for step in range(1, steps):
        values[step] = persistence * values[step - 1] + shocks[step]
    return values


def intermittent() -> Iterator[HeldOut]:
    """Generate counts with seasonal and drifting rate, more than half of them zero."""
    rng = np.random.default_rng(SEED + 1)
    made = 0
    while made < INTERMITTENT:
        season = int(rng.choice([7, 12, 52]))
        steps = int(rng.integers(max(60, 2 * season), 400))
        wave = np.cos(2.0 * np.pi * (np.arange(steps) / season + rng.uniform()))
        drift = np.cumsum(rng.normal(0.0, 0.03, steps))
        mean = rng.uniform(0.05, 1.5) * np.exp(rng.uniform(0.0, 1.0) * wave + drift)
        spread = rng.gamma(shape := rng.uniform(0.5, 5.0), 1.0 / shape, steps)
        values = rng.poisson(mean * spread) * (rng.uniform(size=steps) < rng.uniform(0.4, 1.0))
        if np.mean(values == 0) > 0.5 and values[:48].any():
            yield HeldOut("made up", f"counts {made}", values.astype(float), season)
            made += 1
