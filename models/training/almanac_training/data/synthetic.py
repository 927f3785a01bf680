"""The synthetic prior: generated series of many kinds, one batch per season length.

Trends, seasons, noise and their combinations are drawn from wide distributions, so that a model
that does well on all of them does well on most real series. All arrays are [series, time].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .window import CONTEXTS, FUTURE, OTHER_CONTEXTS, Window, cut

Random = np.random.Generator

# Bounds of the logarithmic size of a series, and the shares of series that are altered afterwards.
SIZES = (-2.0, 8.0)
ROUNDED, WITH_OUTLIERS, WITH_GAPS = 0.3, 0.12, 0.06


def draw(random: Random, season: int, count: int) -> Iterator[Window]:
    """Yield about `count` windows of one season length."""
    _, longest = CONTEXTS.get(season, OTHER_CONTEXTS)
    future = {1: 16, 4: 24, 12: 48}.get(season, FUTURE)
    length = longest + future
    names = list(_families(season))
    for values in _batch(random, _families(season), names, season, count, length):
        values = _finish(random, values)
        window = cut(random, values, season)
        if window is not None:
            yield window


Family = Callable[[Random, int, int, int], np.ndarray]


def _families(season: int) -> dict[Family, float]:
    """Return the unnormalized share of each family of series."""
    shares: dict[Family, float] = {_decomposed: 0.46, _recursive: 0.24, _counts: 0.16, _odd: 0.06}
    if season >= 24 and season % 24 == 0:
        shares |= {_day_types: 0.35, _daylight: 0.07}
    if season in (1, 4, 12):
        shares |= {_growing: 0.8 if season == 1 else 0.15}
    if season in (7, 5, 52):
        shares |= {_yearly_cycle: 0.25}
    return shares


def _batch(
    random: Random,
    families: dict[Family, float],
    names: list[Family],
    season: int,
    count: int,
    length: int,
) -> Iterator[np.ndarray]:
    chances = np.array([families[name] for name in names])
    counts = random.multinomial(count, chances / chances.sum())
    for family, size in zip(names, counts, strict=True):
        if size:
            yield from family(random, season, int(size), length)


def _walk(random: Random, count: int, length: int, scale: float | np.ndarray) -> np.ndarray:
    return np.cumsum(scale * random.normal(size=(count, length)), axis=1)


def _autoregressive(random: Random, count: int, length: int, strength: np.ndarray) -> np.ndarray:
    """Return AR(1) series of unit variance; `strength` [count, 1] is the coefficient."""
    noise = random.normal(size=(count, length)) * np.sqrt(1.0 - strength**2)
    values = np.empty((count, length))
    values[:, :1] = random.normal(size=(count, 1))
    for t in range(1, length):
        values[:, t] = strength[:, 0] * values[:, t - 1] + noise[:, t]
    return values


def _log_uniform(random: Random, low: float, high: float, count: int) -> np.ndarray:
    return np.exp(random.uniform(np.log(low), np.log(high), size=(count, 1)))


def _trend(random: Random, count: int, length: int) -> np.ndarray:
    """Return a mix of five kinds of trends, of at most about unit size over the length."""
    time = np.linspace(0.0, 1.0, length)[None, :]
    kind = random.integers(5, size=(count, 1))
    walk = _walk(random, count, length, 1.0 / np.sqrt(length)) * 1.5
    slope = _autoregressive(random, count, length, random.uniform(0.8, 0.995, (count, 1)))
    local = np.cumsum(slope, axis=1) / length * random.uniform(1.0, 6.0, (count, 1))
    pieces = np.zeros((count, length))
    for _ in range(4):
        at = random.random((count, 1))
        pieces += random.normal(size=(count, 1)) * np.maximum(time - at, 0.0)
    waves = sum(
        random.normal(size=(count, 1))
        / (k + 1)
        * np.cos(np.pi * (k + 1) * time + random.uniform(0, 2 * np.pi, (count, 1)))
        for k in range(4)
    )
    level = _autoregressive(random, count, length, 1.0 - _log_uniform(random, 0.005, 0.3, count))
    chosen = np.select([kind == k for k in range(4)], [walk, local, pieces, waves], level)
    drift = random.normal(size=(count, 1)) * (random.random((count, 1)) < 0.5)
    return chosen + drift * time


def _pattern(random: Random, count: int, season: int) -> np.ndarray:
    """Return one cycle [count, season] of unit standard deviation."""
    phase = np.arange(season)[None, :] / max(season, 1)
    decay = random.uniform(0.5, 2.0, (count, 1))
    harmonics = min(season // 2, 8)
    smooth = np.zeros((count, season))
    for k in range(1, harmonics + 1):
        weight = random.normal(size=(count, 1)) / k**decay
        smooth += weight * np.cos(2 * np.pi * (k * phase + random.random((count, 1))))
    rough = random.normal(size=(count, season))
    spikes = random.normal(size=(count, season)) * (random.random((count, season)) < 2.0 / season)
    kind = random.choice(3, p=(0.55, 0.25, 0.20), size=(count, 1))
    cycle = np.select([kind == 0, kind == 1], [smooth, rough], spikes + 0.3 * smooth)
    cycle = cycle - cycle.mean(axis=1, keepdims=True)
    return cycle / (cycle.std(axis=1, keepdims=True) + 1e-9)


def _seasonal(random: Random, count: int, length: int, season: int) -> np.ndarray:
    """Return cycles that drift and vary in size, with a longer second season for some series."""
    if season < 2:
        return np.zeros((count, length))
    index = (np.arange(length) + random.integers(season)) % season
    first, second = (_pattern(random, count, season)[:, index] for _ in range(2))
    time = np.linspace(0.0, 1.0, length)[None, :]
    drifts = (random.random((count, 1)) < 0.3) * random.random((count, 1))
    values = (1.0 - drifts * time) * first + drifts * time * second
    breathing = np.exp(_walk(random, count, length, 0.6 / np.sqrt(length)))
    values = np.where(random.random((count, 1)) < 0.3, values * breathing, values)
    if season in (24, 48, 7) and length > 7 * season:
        longer = {24: 168, 48: 336, 7: 364}[season]
        more = _pattern(random, count, longer // (1 if season == 7 else season))
        more = np.repeat(more, 1 if season == 7 else season, axis=1)
        index = (np.arange(length) + random.integers(longer)) % longer
        has = (random.random((count, 1)) < 0.5) * random.uniform(0.1, 1.0, (count, 1))
        values = values + has * more[:, index]
    return values


def _noise(random: Random, count: int, length: int) -> np.ndarray:
    """Return normal or heavy-tailed noise, partly autocorrelated and heteroscedastic."""
    normal = random.normal(size=(count, length))
    heavy = random.standard_t(random.uniform(2.5, 8.0, (count, 1)), size=(count, length))
    noise = np.where(random.random((count, 1)) < 0.4, heavy, normal)
    ar = random.uniform(-0.2, 0.9, (count, 1)) * (random.random((count, 1)) < 0.5)
    for t in range(1, length):
        noise[:, t] += ar[:, 0] * noise[:, t - 1]
    noise = noise * np.sqrt(1.0 - ar**2)
    swings = np.exp(_walk(random, count, length, 0.8 / np.sqrt(length)))
    return np.where(random.random((count, 1)) < 0.3, noise * swings, noise)


def _components(
    random: Random, season: int, count: int, length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return trend with level shifts, seasonal cycle and noise."""
    trend = _trend(random, count, length) * _log_uniform(random, 0.05, 2.0, count)
    cycle = _seasonal(random, count, length, season) * _log_uniform(random, 0.01, 1.0, count)
    cycle = cycle * (random.random((count, 1)) < 0.85)
    noise = _noise(random, count, length) * _log_uniform(random, 0.005, 0.6, count)
    shifts = np.zeros((count, length))
    for i in np.flatnonzero(random.random(count) < 0.12):
        shifts[i, int(random.integers(length)) :] = random.normal() * 0.7
    return trend + shifts, cycle, noise


def _decomposed(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Combine components additively, multiplicatively, or with a multiplicative season only."""
    trend, cycle, noise = _components(random, season, count, length)
    kind = random.integers(3, size=(count, 1))
    added = random.uniform(-1.0, 4.0, (count, 1)) + trend + cycle + noise
    growth = random.normal(size=(count, 1)) * np.linspace(0, 1.5, length)[None, :]
    growth = growth * (random.random((count, 1)) < (0.5 if season == 1 else 0.2))
    multiplied = np.exp(np.clip(trend + cycle + noise + growth, -12.0, 12.0))
    level = np.exp(np.clip(trend, -8, 8))
    part = level * np.maximum(1.0 + np.clip(cycle, -0.95, 6.0), 0.02) * (1.0 + 0.3 * noise)
    return np.select([kind == 0, kind == 1], [added, multiplied], part)


def _recursive(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Run exponential smoothing forward as a generator (Hyndman et al., 2008)."""
    alpha = random.beta(1.2, 1.5, count)
    beta = alpha * random.beta(1.0, 6.0, count) * (random.random(count) < 0.6)
    gamma = (1.0 - alpha) * random.beta(1.0, 4.0, count) * (random.random(count) < 0.6)
    damping = random.uniform(0.8, 1.0, count)
    scale = _log_uniform(random, 0.01, 0.5, count)[:, 0]
    noise = random.normal(size=(count, length)) * scale[:, None]
    heavy = random.standard_t(4.0, size=(count, length)) * scale[:, None]
    noise = np.where(random.random((count, 1)) < 0.3, heavy, noise)
    level = random.uniform(0.0, 3.0, count)
    slope = random.normal(size=count) * 0.3 * scale
    cycle = _pattern(random, count, max(season, 2)) * _log_uniform(random, 0.02, 0.8, count)
    cycle = cycle * float(season > 1)
    values = np.empty((count, length))
    for t in range(length):
        phase = t % cycle.shape[1]
        values[:, t] = level + damping * slope + cycle[:, phase] + noise[:, t]
        level = level + damping * slope + alpha * noise[:, t]
        slope = damping * slope + beta * noise[:, t]
        cycle[:, phase] += gamma * noise[:, t]
    # In exponentiated series errors and seasons are multiplicative.
    size = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1.0)
    grown = np.exp(values * np.minimum(1.0, 8.0 / size))
    return np.where(random.random((count, 1)) < 0.4, grown, values)


def _growing(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate sales, output or population: lasting growth with changes and persistent shocks."""
    usual = random.normal(0.04, 0.05, (count, 1)) / season
    change = random.normal(0.0, 0.05, (count, length)) / season
    change = change * (random.random((count, length)) < 0.06)
    pace = usual + np.cumsum(change, axis=1)
    size = _log_uniform(random, 0.01, 0.25, count) / np.sqrt(season)
    stays = random.random((count, 1)) ** 0.5
    shocks = random.normal(size=(count, length)) * size
    noise = random.normal(size=(count, length)) * size * random.random((count, 1))
    logarithm = np.cumsum(pace + stays * shocks, axis=1) + (1.0 - stays) * shocks + noise
    cycle = _seasonal(random, count, length, season) * _log_uniform(random, 0.02, 0.4, count)
    values = np.exp(np.clip(logarithm + cycle, -10.0, 10.0))
    # The same without compounding: a constant increment per year.
    added = 1.0 + logarithm + cycle + random.random((count, 1)) * 3.0
    return np.where(random.random((count, 1)) < 0.6, values, added)


def _counts(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate counts, some of them overdispersed or intermittent."""
    trend, cycle, noise = _components(random, season, count, length)
    rate = np.clip(0.5 * trend + 0.7 * cycle + 0.2 * noise, -5.0, 5.0)
    rate = np.exp(rate - rate.mean(axis=1, keepdims=True)) * _log_uniform(random, 0.03, 40, count)
    spread = _log_uniform(random, 0.2, 20.0, count)
    lumpy = rate * random.gamma(spread, 1.0 / spread, size=(count, length))
    rate = np.where(random.random((count, 1)) < 0.6, lumpy, rate)
    # Intermittent demand: present with a probability that follows a slow random walk.
    chance = 1.0 / (1.0 + np.exp(-_walk(random, count, length, 1.0 / np.sqrt(length))))
    present = random.random((count, length)) < chance * _log_uniform(random, 0.1, 2.0, count)
    rate = np.where(random.random((count, 1)) < 0.35, rate * present, rate)
    return random.poisson(np.minimum(rate, 1e6)).astype(np.float64)


def _odd(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate chaotic series, switching levels, irregular cycles and saturating growth."""
    chaos = np.empty((count, length))
    state, power = random.random(count), random.uniform(3.5, 4.0, count)
    for t in range(length):
        state = power * state * (1.0 - state)
        chaos[:, t] = state
    flips = np.cumsum(random.random((count, length)) < 0.03, axis=1) % 2
    switching = flips + 0.2 * random.normal(size=(count, length))
    pace = 2 * np.pi / random.uniform(5.0, 40.0, (count, 1))
    angle = np.cumsum(pace * (1 + 0.3 * random.normal(size=(count, length))), axis=1)
    cycles = np.sin(angle) + 0.1 * random.normal(size=(count, length))
    time = np.linspace(-6.0, 6.0, length)[None, :] + random.normal(size=(count, 1)) * 3
    growth = 1.0 / (1.0 + np.exp(-time)) * np.exp(0.05 * random.normal(size=(count, length)))
    kind = random.integers(4, size=(count, 1))
    values = np.select([kind == 0, kind == 1, kind == 2], [chaos, switching, cycles], growth)
    return values + random.uniform(0, 3, (count, 1))


def _day_types(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate hourly usage: shapes differ by workday and day off, levels by day (weather)."""
    days = length // season + 2
    work, off = (_pattern(random, count, season) for _ in range(2))
    off = work + _log_uniform(random, 0.05, 1.0, count) * off
    weekday = (np.arange(days) + random.integers(7)) % 7
    is_off = (weekday >= 5)[None, :, None]
    shape = np.where(is_off, off[:, None, :], work[:, None, :])
    level = _autoregressive(random, count, days, random.uniform(0.3, 0.97, (count, 1)))
    level = level * _log_uniform(random, 0.02, 0.6, count)
    weekly = random.normal(size=(count, 7)) * _log_uniform(random, 0.02, 0.5, count)
    level = (
        level + weekly[:, weekday] + 0.8 * _trend(random, count, days) * random.random((count, 1))
    )
    size = _log_uniform(random, 0.1, 1.2, count)[:, :, None]
    logarithm = (shape * size + level[:, :, None]).reshape(count, -1)[:, :length]
    error = _autoregressive(random, count, length, random.uniform(0.0, 0.95, (count, 1)))
    logarithm = logarithm + error * _log_uniform(random, 0.01, 0.4, count)
    values = np.exp(np.clip(logarithm, -10, 10))
    counted = random.poisson(np.minimum(values * _log_uniform(random, 1.0, 300, count), 1e7))
    additive = logarithm + random.uniform(0.0, 5.0, (count, 1))
    kind = random.random((count, 1))
    return np.select([kind < 0.45, kind < 0.7], [values, counted], additive)


def _daylight(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate solar output: zero at night, an arch by day, bright and dull days."""
    hour = (np.arange(length) + random.integers(season)) % season / season
    width = random.uniform(0.3, 0.6, (count, 1))
    bow = np.maximum(np.cos(np.pi * (hour[None, :] - 0.5) / width), 0.0)
    bow = bow * (np.abs(hour[None, :] - 0.5) < width / 2)
    days = length // season + 2
    sky = _autoregressive(random, count, days, random.uniform(0.0, 0.8, (count, 1)))
    sky = 1.0 / (1.0 + np.exp(-sky * random.uniform(0.3, 2.0, (count, 1)) - 0.5))
    cloud = np.exp(0.3 * random.random((count, 1)) * random.normal(size=(count, length)))
    return bow ** random.uniform(0.7, 2, (count, 1)) * np.repeat(sky, season, 1)[:, :length] * cloud


def _yearly_cycle(random: Random, season: int, count: int, length: int) -> np.ndarray:
    """Generate days or weeks of a year: a smooth cycle, holidays and a varying level."""
    year = {7: 365.25, 5: 261.0, 52: 52.18}[season]
    time = (np.arange(length) + random.uniform(0, year))[None, :] / year
    smooth = sum(
        random.normal(size=(count, 1))
        / k**1.2
        * np.cos(2 * np.pi * (k * time + random.random((count, 1))))
        for k in range(1, 5)
    )
    feasts = np.zeros((count, length))
    for _ in range(3):
        day = random.random((count, 1))
        near = np.abs((time - day + 0.5) % 1.0 - 0.5) < (2.0 / year)
        feasts += near * random.normal(size=(count, 1)) * 1.5
    feasts = feasts * (random.random((count, 1)) < 0.4)
    week = _pattern(random, count, season)[:, np.arange(length) % season] if season < 52 else 0.0
    level = _trend(random, count, length) * _log_uniform(random, 0.1, 1.5, count)
    noise = _noise(random, count, length) * _log_uniform(random, 0.02, 0.5, count)
    logarithm = (
        level
        + smooth * _log_uniform(random, 0.02, 0.6, count)
        + feasts * 0.3
        + week * _log_uniform(random, 0.02, 0.6, count)
        + noise
    )
    values = np.exp(np.clip(logarithm, -10, 10))
    counted = random.poisson(np.minimum(values * _log_uniform(random, 0.3, 200, count), 1e7))
    kind = random.random((count, 1))
    added = logarithm + random.uniform(0, 4, (count, 1))
    return np.select([kind < 0.4, kind < 0.7], [values, counted.astype(float)], added)


def _finish(random: Random, values: np.ndarray) -> np.ndarray:
    """Rescale one series, and add outliers, rounding and gaps at random."""
    values = values * np.exp(random.uniform(*SIZES))
    if random.random() < WITH_OUTLIERS:
        at = random.random(len(values)) < 0.01
        values = values + at * random.standard_t(3, len(values)) * 4.0 * np.std(values)
    if random.random() < ROUNDED:
        values = np.round(values)
    if random.random() < WITH_GAPS:
        gaps = random.random(len(values)) < random.uniform(0.02, 0.35)
        values = np.where(gaps, np.nan, values)
    return values
