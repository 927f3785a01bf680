"""Make training windows for the forecaster `almanac`: the data step.

Writes shards of windows to a folder, with the evidence that the gate is trained on. Real windows
are drawn from a corpus, synthetic ones from the prior; without a corpus the prior is used alone.
Existing shards are kept, so an interrupted run can be resumed.

A corpus is a folder of `.npz` files, one per source, with the arrays
  values   float32, all series of the file, concatenated, NaN where missing
  offsets  int64, series i is values[offsets[i]:offsets[i + 1]]
  season   int32, steps per season, 1 if there is none
  name     name of each series within its source
models/almanac/README.md lists the sources of the shipped model and where they are published.
Series that `almanac_training.data.split` holds out are never drawn.

Examples:
  python models/training/make_windows.py --synthetic 200000 --output windows
  python models/training/make_windows.py --corpus corpus --real 400000 --synthetic 400000 \\
      --output windows
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from almanac_training.data import mix, pool

SHARD = 50_000


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--corpus", type=Path, metavar="DIR", help="folder of real series")
    add("--real", type=int, default=0, metavar="N", help="number of windows from the corpus")
    add("--synthetic", type=int, default=0, metavar="N", help="number of windows from the prior")
    add("--output", type=Path, required=True, metavar="DIR", help="folder for the shards")
    add("--seed", type=int, default=1, help="seed of the random numbers (default: 1)")
    add("--threads", type=int, default=1, help="threads of ONNX Runtime (default: 1)")
    arguments = parser.parse_args()
    if arguments.real + arguments.synthetic <= 0:
        parser.error("--real or --synthetic must be positive")
    if arguments.real and not arguments.corpus:
        parser.error("--real requires --corpus")
    return arguments


def shards(arguments: argparse.Namespace) -> list[tuple[str, int, Path]]:
    """Return kind, number of windows and file of every shard."""
    wanted = []
    for kind, count in (("real", arguments.real), ("synthetic", arguments.synthetic)):
        for number, start in enumerate(range(0, count, SHARD)):
            name = f"{kind}-{arguments.seed}-{number:03}.npz"
            wanted.append((kind, min(SHARD, count - start), arguments.output / name))
    return wanted


def main() -> int:
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    builder = pool.Builder(arguments.threads)
    wanted = shards(arguments)
    with tqdm(total=sum(count for _, count, _ in wanted), unit="window", disable=None) as bar:
        for number, (kind, count, path) in enumerate(wanted):
            if path.exists():
                bar.update(count)
                continue
            random = np.random.default_rng([arguments.seed, number, kind == "real"])
            if kind == "real":
                windows = mix.real_windows(random, arguments.corpus, count)
            else:
                windows = mix.synthetic_windows(random, count)
            pool.save(path, builder.build(random, windows, bar.update))
    print(f"{len(wanted)} shards in {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
