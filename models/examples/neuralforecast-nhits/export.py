"""Exports an N-HiTS of NeuralForecast as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from neuralforecast import NeuralForecast
from neuralforecast.models import NHITS

from almanac_examples import bundle, neural


def main() -> None:
    arguments = bundle.parse_arguments(__doc__, "folder written by NeuralForecast.save")
    if arguments.checkpoint is None:
        forecaster = neural.trained(NHITS(mlp_units=3 * [[64, 64]], **neural.SETTINGS))
    else:
        forecaster = NeuralForecast.load(arguments.checkpoint)
    neural.write(arguments, HERE / "manifest.toml", forecaster)


if __name__ == "__main__":
    main()
