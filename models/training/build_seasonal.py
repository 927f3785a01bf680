"""Build the bundle of the statistical baseline `seasonal`.

Examples:
  python models/training/build_seasonal.py
  python models/training/build_seasonal.py --output candidate/seasonal/1
"""

from __future__ import annotations

import argparse
from pathlib import Path

from almanac_training import bundle
from almanac_training.seasonal import bands, examples, graph

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
unknown = 1
longest = 1024

[horizon]
input = "horizon"
type = "int64"
native = 1024
longest = 1024

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = {list(bands.LEVELS)}

[postprocess]
non_negative = true
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        help="folder of the model version (default: models/seasonal/1)",
    )
    arguments = parser.parse_args()
    bundle.write(arguments.output, graph.build(), MANIFEST, examples.EXAMPLES)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
