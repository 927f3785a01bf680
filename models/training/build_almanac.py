"""Build the bundle of the forecaster `almanac` from a trained gate.

With several checkpoints, of one run or of runs that continue each other, the weights are averaged,
which reduces the influence of the latest batches.
Examples:
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt \\
      --checkpoint further/checkpoint.pt
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt \\
      --output candidate/almanac/1

With the weights of a bundle, after a change to the graph:
  python models/training/build_almanac.py --checkpoint models/almanac/1/model.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from almanac_training import bundle
from almanac_training.forecaster import evidence, examples, graph
from almanac_training.forecaster.training import load_weights

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / graph.NAME / graph.VERSION

MANIFEST = bundle.manifest(graph.NAME, graph.VERSION, graph.DESCRIPTION, evidence.LEVELS, unknown=0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        type=Path,
        required=True,
        action="append",
        metavar="FILE",
        help="checkpoint of train_almanac.py, or a bundle's model.onnx; may be repeated",
    )
    add(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help="folder of the model version (default: models/almanac/1)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    checkpoints = [load_weights(path) for path in arguments.checkpoint]
    weights = {
        name: np.mean([checkpoint[name] for checkpoint in checkpoints], axis=0)
        for name in checkpoints[0]
    }
    model = graph.build(weights)
    bundle.write(arguments.output, model, MANIFEST, examples.EXAMPLES)
    print(f"bundle written to {arguments.output}")


if __name__ == "__main__":
    main()
