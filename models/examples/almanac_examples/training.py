"""Masked inputs, windows of the example series, and a short training loop. Needs torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from . import cases


def series() -> list[np.ndarray]:
    """Return the passengers, and synthetic series of other levels and seasons."""
    synthetic = [
        cases.synthetic(400, season, level, seed=season) for season, level in [(12, 40), (24, 0)]
    ]
    return [np.array(values, dtype=np.float32) for values in [cases.passengers(), *synthetic]]


def windows(length: int, horizon: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every context [window, length, 1] of the series, and the values that follow it."""
    cut = [torch.tensor(values).unfold(0, length + horizon, 1).unsqueeze(-1) for values in series()]
    both = torch.cat(cut)
    return both[:, :length], both[:, length:]


def observed(case: cases.Case, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values [1, time, 1] with zeros for missing ones, and the mask of observed values."""
    values = case.array()[-length:]
    values = np.concatenate([np.full(length - len(values), np.nan), values])
    tensor = torch.tensor(values, dtype=torch.float32)[None, :, None]
    return torch.nan_to_num(tensor, nan=0.0), torch.isnan(tensor).logical_not()


def fit(
    model: torch.nn.Module,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    length: int,
    horizon: int,
    steps: int = 150,
) -> None:
    """Train with Adam on random windows."""
    torch.manual_seed(0)
    past, future = windows(length, horizon)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(past), (64,))
        optimiser.zero_grad()
        value = loss(past[chosen], future[chosen])
        value.backward()
        optimiser.step()
    model.eval()
    print(f"trained for {steps} steps to a loss of {value.item():.3f}")
