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

MANIFEST = bundle.manifest(graph.NAME, graph.VERSION, graph.DESCRIPTION, bands.LEVELS, unknown=1)


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
    print(f"bundle written to {arguments.output}")


if __name__ == "__main__":
    main()
