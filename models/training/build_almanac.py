"""Build the bundle of the forecaster `almanac` from a trained gate.

Of several checkpoints of one run, or of runs that went on from each other, the weights are
averaged, which forgets what only the latest windows taught.

Examples:
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt \\
      --checkpoint further/checkpoint.pt
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt \\
      --output candidate/almanac/1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from almanac_training import bundle
from almanac_training.forecaster import evidence, examples, graph
from almanac_training.forecaster.profile import LONGEST
from almanac_training.forecaster.training import load_weights

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / graph.NAME / graph.VERSION

MANIFEST = f"""\
format = 1
name = "{graph.NAME}"
version = "{graph.VERSION}"
description = "{graph.DESCRIPTION}"
licence = "Apache-2.0"

[files]
{{files}}

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 2048
pad = "left"
missing = "nan"
scaling = "mean_abs"

[season_length]
input = "season_length"
type = "int64"
unknown = 0
longest = {LONGEST}

[horizon]
input = "horizon"
type = "int64"
native = 1024
longest = 1024

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = {list(evidence.LEVELS)}

[postprocess]
non_negative = true
"""


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
        help="of train_almanac.py; may be repeated",
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
    each = [load_weights(path) for path in arguments.checkpoint]
    model = graph.build({name: np.mean([own[name] for own in each], axis=0) for name in each[0]})
    bundle.write(arguments.output, model, MANIFEST, examples.EXAMPLES)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
