"""Train the gate of the forecaster `almanac` on windows from make_windows.py.

Runs on a GPU if there is one, else on the CPU. Writes to the output folder: checkpoint.pt, from
which an interrupted run resumes, and log.csv and log.png, the losses by step.

Examples:
  python models/training/train_almanac.py --windows windows --output run
  python models/training/train_almanac.py --windows windows --output quick --steps 500
  python models/training/train_almanac.py --windows more --output further --rate 0.0005 \\
      --initial models/almanac/1/model.onnx
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from almanac_training.data import pool
from almanac_training.forecaster.training import Recipe, Scores, Trainer, load_weights

VALIDATION = 8_000
VALIDATE_EVERY = 500


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--windows", type=Path, required=True, metavar="DIR", help="shards of make_windows.py")
    add("--output", type=Path, required=True, metavar="DIR", help="folder for checkpoint and log")
    add("--steps", type=int, default=12_000, help="total number of batches (default: 12000)")
    add("--batch", type=int, default=512, help="windows per batch (default: 512)")
    add("--rate", type=float, default=1e-3, help="maximum learning rate (default: 0.001)")
    add("--initial", type=Path, metavar="FILE", help="weights of a checkpoint or a model.onnx")
    add("--seed", type=int, default=1, help="seed of order and initial weights (default: 1)")
    add("--threads", type=int, help="threads on the CPU (default: all)")
    add("--device", help="cpu, cuda, cuda:1, ... (default: a GPU if available)")
    return parser.parse_args()


class Log:
    """Losses by step: a CSV file that grows, and a plot of all of it."""

    def __init__(self, folder: Path):
        self.table, self.plot = folder / "log.csv", folder / "log.png"
        if not self.table.exists():
            self._add(["step", "seconds", "training_loss", "validation_loss", "scaled_error"])

    def add(self, step: int, seconds: float, training: float, scores: Scores) -> None:
        errors = " ".join(f"{season}:{error:.4f}" for season, error in scores.scaled_error.items())
        self._add([step, f"{seconds:.0f}", f"{training:.5f}", f"{scores.loss:.5f}", errors])

    def _add(self, row: Sequence[object]) -> None:
        with self.table.open("a", newline="") as file:
            csv.writer(file).writerow(row)

    def draw(self) -> None:
        """Plot the CSV file."""
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot

        with self.table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        figure, axes = pyplot.subplots(figsize=(8, 4.5))
        steps = [int(row["step"]) for row in rows]
        for name in ("training_loss", "validation_loss"):
            axes.plot(steps, [float(row[name]) for row in rows], label=name.replace("_", " "))
        axes.set(xlabel="step", ylabel="pinball loss over seasonal naive's error")
        axes.legend()
        figure.tight_layout()
        figure.savefig(self.plot, dpi=120)
        pyplot.close(figure)


def main() -> int:
    arguments = parse_arguments()
    shards = sorted(arguments.windows.glob("*.npz"))
    if not shards:
        print(f"no shards in {arguments.windows}; run make_windows.py first", file=sys.stderr)
        return 66
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    arguments.output.mkdir(parents=True, exist_ok=True)

    arrays = pool.load(shards)
    order = np.random.default_rng(0).permutation(len(arrays["features"]))
    kept = min(VALIDATION, len(order) // 10)
    validation, training = np.sort(order[:kept]), order[kept:]
    recipe = Recipe(
        steps=arguments.steps,
        batch=min(arguments.batch, len(training)),
        rate=arguments.rate,
        seed=arguments.seed,
    )
    trainer = Trainer(recipe, arrays, device)
    checkpoint = arguments.output / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif arguments.initial:
        trainer.start_from(load_weights(arguments.initial))
    log, started = Log(arguments.output), time.monotonic()
    losses: list[float] = []

    with tqdm(total=recipe.steps, initial=trainer.step, unit="step", disable=None) as bar:
        for loss in trainer.run(training):
            losses.append(loss)
            bar.update()
            if trainer.step % VALIDATE_EVERY == 0 or trainer.step == recipe.steps:
                scores = trainer.validate(validation)
                mean, losses = float(np.mean(losses)), []
                log.add(trainer.step, time.monotonic() - started, mean, scores)
                bar.set_postfix(training=f"{mean:.4f}", validation=f"{scores.loss:.4f}")
                trainer.save(checkpoint)
    log.draw()
    print(f"{len(training)} windows, {trainer.step} steps on {device}: {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
