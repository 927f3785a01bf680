"""The training loop: fits a gate to batches of windows by the pinball loss of its forecasts."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from ..data import pool
from . import evidence, gate, graph, mixture, settings

Arrays = Mapping[str, np.ndarray]
MIXTURE_INPUTS = [name for name in evidence.NAMES if name != "features"]

# Windows that the mean and deviation of the features are estimated from, and the bound there.
FEATURE_WINDOWS = 60_000
FEATURE_BOUND = 30.0

WARM_UP = 200
LAST_RATE = 0.02
DECAY = 0.02
MAX_GRADIENT_NORM = 1.0

# The served weights are a moving average of the trained ones.
AVERAGING = 0.999


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a run; `rate` is the largest learning rate."""

    steps: int
    batch: int = 512
    rate: float = 1e-3
    width: int = settings.WIDTH
    seed: int = 1


@dataclass
class Scores:
    """Validation scores."""

    loss: float
    scaled_error: dict[int, float]  # of the median, relative to seasonal naive, by season length


class Trainer:
    """The state of a run, from which an interrupted run can be resumed."""

    def __init__(self, recipe: Recipe, arrays: Arrays, device: torch.device):
        torch.manual_seed(recipe.seed)
        self.recipe, self.arrays, self.device = recipe, arrays, device
        sample = arrays["features"][:FEATURE_WINDOWS].astype(np.float32)
        sample = sample.clip(-FEATURE_BOUND, FEATURE_BOUND)
        mean, deviation = torch.tensor(sample.mean(axis=0)), torch.tensor(sample.std(axis=0))
        self.gate = gate.Gate(mean, deviation, recipe.width).to(device)
        self.average = copy.deepcopy(self.gate).eval()
        self.optimiser = torch.optim.AdamW(
            self.gate.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=DECAY
        )
        self.levels = torch.tensor(evidence.LEVELS, device=device)
        self.step = 0

    def start_from(self, weights: Mapping[str, np.ndarray]) -> None:
        """Load the weights of another run, including its standardization of the features."""
        state = {name: torch.tensor(array) for name, array in weights.items()}
        self.gate.load_state_dict(state)
        self.average.load_state_dict(state)

    def run(self, chosen: np.ndarray) -> Iterator[float]:
        """Train on the chosen windows until all steps are done; yield the loss of each batch."""
        while self.step < self.recipe.steps:
            # The order of an epoch depends on the step alone, so a resumed run repeats nothing.
            random = np.random.default_rng([self.recipe.seed, self.step])
            for picked in pool.batches(random, self.recipe.batch, len(chosen)):
                yield self._learn(np.sort(chosen[picked]))
                if self.step >= self.recipe.steps:
                    return

    def _learn(self, rows: np.ndarray) -> float:
        done = self.step / self.recipe.steps
        cosine = LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate * min(1.0, (self.step + 1) / WARM_UP) * cosine
        self.gate.train()
        loss, _, _ = self._loss(self.gate, rows)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.gate.parameters(), MAX_GRADIENT_NORM)
        self.optimiser.step()
        self.step += 1
        keep = min(AVERAGING, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            parameters = self.gate.parameters()
            for average, parameter in zip(self.average.parameters(), parameters, strict=True):
                average.lerp_(parameter, 1.0 - keep)
        return loss.item()

    @torch.no_grad()
    def validate(self, chosen: np.ndarray) -> Scores:
        """Score the averaged weights on the chosen windows."""
        losses, errors, seasons = [], [], []
        for start in range(0, len(chosen), 2 * self.recipe.batch):
            rows = chosen[start : start + 2 * self.recipe.batch]
            loss, forecast, target = self._loss(self.average, rows)
            scale = self._tensor("error_scale", rows)[:, None]
            scaled = (forecast[:, settings.MEDIAN] - target).abs() / scale
            losses.append(loss.item() * len(rows))
            errors.append(np.nanmean(scaled.clamp(max=20.0).cpu().numpy(), axis=1))
            seasons.append(self.arrays["season_length"][rows])
        error, season = np.concatenate(errors), np.concatenate(seasons)
        by_season = {int(s): float(np.nanmean(error[season == s])) for s in np.unique(season)}
        return Scores(sum(losses) / len(chosen), by_season)

    def _loss(
        self, model: gate.Gate, rows: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = {name: self._tensor(name, rows) for name in MIXTURE_INPUTS}
        output = model(self._tensor("features", rows))
        steps = self._tensor("steps", rows).long()
        forecast = mixture.quantiles(output, found, steps)
        forecast = mixture.clip_negative(forecast, found)
        target = self._tensor("target", rows)
        scale = self._tensor("error_scale", rows)
        return gate.loss(forecast, target, scale, self.levels), forecast, target

    def _tensor(self, name: str, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.arrays[name][rows]).to(self.device)

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        part = path.with_suffix(".part")
        state = {
            "step": self.step,
            "width": self.recipe.width,
            "gate": self.gate.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, part)
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Load a checkpoint that `save` wrote."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.gate.load_state_dict(state["gate"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def load_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the averaged weights of a checkpoint or of a bundle's model.

    They are named as in `gate.Gate`.
    """
    if path.suffix == ".onnx":
        return graph.trained_weights(onnx.load(path))
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state["average"].items()}
