"""Build the bundle of the forecaster `almanac` from a trained gate.

Examples:
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt
  python models/training/build_almanac.py --checkpoint run/checkpoint.pt \\
      --output candidate/almanac/1
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
    add("--checkpoint", type=Path, required=True, help="of train_almanac.py")
    add("--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    model = graph.build(load_weights(arguments.checkpoint))
    bundle.write(arguments.output, model, MANIFEST, examples.EXAMPLES)
    print(arguments.output)


if __name__ == "__main__":
    main()
