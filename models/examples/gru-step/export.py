"""Trains a GRU in plain PyTorch and exports one step of it, with its state, as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch

from almanac_examples import bundle, cases, graph

LEVELS = [0.1, 0.5, 0.9]
CONTEXT, HIDDEN, LAYERS = 48, 16, 2


class Forecaster(torch.nn.Module):
    """Maps values and the prices one step later to quantiles of the values one step later."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = torch.nn.GRU(2, HIDDEN, LAYERS, batch_first=True)
        self.middle = torch.nn.Linear(HIDDEN, 1)
        self.width = torch.nn.Linear(HIDDEN, 2)

    def forward(
        self, value: torch.Tensor, price: torch.Tensor, hidden: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        read, hidden = self.cells(torch.cat([value, price], dim=-1), hidden)
        middle, width = self.middle(read), torch.nn.functional.softplus(self.width(read))
        low, high = middle - width[..., :1], middle + width[..., 1:]
        return torch.cat([low, middle, high], dim=-1), hidden


def scaled(values: np.ndarray, length: int) -> tuple[np.ndarray, float, float]:
    """Standardize `values` by the mean and deviation of the first `length`."""
    mean, deviation = values[:length].mean(), values[:length].std()
    return (values - mean) / deviation, mean, deviation


def case(name: str, length: int, horizon: int, seed: int, level: float = 100.0) -> cases.Case:
    """Return sales with a price that is known ahead."""
    future = {"price": cases.price(length + horizon, seed)}
    return cases.Case(name, cases.sales(length, level, seed), horizon, 12, future=future)


def trained() -> Forecaster:
    """Train on synthetic sales, in a few seconds."""
    torch.manual_seed(0)
    model = Forecaster()
    examples = []
    for seed in range(1, 9):
        one = case("training", CONTEXT + 1, 0, seed)
        known = [scaled(values, CONTEXT)[0] for values in (one.array(), one.known("price"))]
        examples.append(np.stack(known))
    windows = torch.tensor(np.stack(examples), dtype=torch.float32)[..., None]
    value, after, price = windows[:, 0, :-1], windows[:, 0, 1:], windows[:, 1, 1:]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    levels = torch.tensor(LEVELS)
    for _ in range(150):
        quantiles, _ = model(value, price, torch.zeros(LAYERS, len(value), HIDDEN))
        error = after - quantiles
        loss = torch.maximum(levels * error, (levels - 1.0) * error).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"trained to a loss of {loss.item():.3f}")
    return model.eval()


def comparison_cases() -> list[cases.Case]:
    return [
        case("one step", 48, 1, 1),
        case("a year", 48, 12, 2),
        case("as short as can be", 12, 12, 3),
        case("longer than the context", 200, 24, 4, 0.0),
        case("large numbers", 30, 5, 5, 1e6),
    ]


def main() -> None:
    arguments = bundle.parse_arguments(__doc__)
    model = trained()
    rows = 2
    batch = graph.batch_axis()
    onnx = graph.export(
        model,
        {
            "value": torch.randn(rows, 1, 1),
            "price": torch.randn(rows, 1, 1),
            "hidden": torch.zeros(LAYERS, rows, HIDDEN),
        },
        ["next", "hidden_after"],
        {"value": {0: batch}, "price": {0: batch}, "hidden": {1: batch}},
    )

    @torch.no_grad()
    def predict(case: cases.Case) -> np.ndarray:
        """Run the history as one sequence, then step by step, in PyTorch's loop over the cells."""
        values = case.array()[-CONTEXT:]
        length = len(values)
        values, mean, deviation = scaled(values, length)
        price, _, _ = scaled(case.known("price")[-length - case.horizon :], length)

        def tensor(numbers: np.ndarray) -> torch.Tensor:
            return torch.tensor(numbers, dtype=torch.float32)[None, :, None]

        hidden = torch.zeros(LAYERS, 1, HIDDEN)
        quantiles, hidden = model(tensor(values), tensor(price[1 : length + 1]), hidden)
        forecast = [quantiles[0, -1]]
        for ahead in range(1, case.horizon):
            known = tensor(price[length + ahead : length + ahead + 1])
            quantiles, hidden = model(forecast[-1][None, None, 1:2], known, hidden)
            forecast.append(quantiles[0, -1])
        return torch.stack(forecast, dim=1).numpy().astype(np.float64) * deviation + mean

    bundle.write(arguments, HERE / "manifest.toml", onnx, comparison_cases(), predict)


if __name__ == "__main__":
    main()
