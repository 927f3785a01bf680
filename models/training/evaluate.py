"""Score a model on the M1, M3 and Tourism competitions, and compare backends.

Prints for each of the ten sets: MASE, sMAPE, WQL (mean over the deciles), coverage of the 80 % and
95 % bands, the same for seasonal naive, and the ratios. Ratios below one are better than seasonal
naive. With several backends it also checks that they agree: HTTP and command line within 1e-5, the
bundle within 1e-4.

The exit status is 1 if a series failed, backends disagree, or MASE is worse than seasonal naive's
on any set.

Examples:
  python models/training/evaluate.py --bundle models/seasonal/1
  python models/training/evaluate.py --http http://127.0.0.1:8080 --model seasonal
  python models/training/evaluate.py --bundle models/seasonal/1 \\
      --http http://127.0.0.1:8080 --cli target/release/almanac --model seasonal \\
      --output scores
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path

from tqdm import tqdm

from almanac_training import backends, competitions, report, scoring

MAX_SHOWN = 3


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--bundle",
        type=Path,
        metavar="DIR",
        action="append",
        default=[],
        help="folder of a model version, run with ONNX Runtime; may be repeated",
    )
    add("--http", metavar="URL", help="base URL of a running server")
    add(
        "--season-not-told",
        action="store_true",
        help="also call --http without a frequency, so that the server detects the season",
    )
    add("--cli", type=Path, metavar="PATH", help="the almanac executable")
    add("--model", help="model name for --http and --cli (default: the server's)")
    add("--limit", type=int, metavar="N", help="use only the first N series of each set")
    add("--threads", type=int, default=1, help="threads for --bundle (default: 1)")
    add("--output", type=Path, metavar="DIR", help="folder for scores.csv and scores.png")
    arguments = parser.parse_args()
    if not (arguments.bundle or arguments.http or arguments.cli):
        parser.error("--bundle, --http or --cli is required")
    return arguments


def create_backends(arguments: argparse.Namespace) -> list[backends.Backend]:
    """Create the requested backends."""
    created: list[backends.Backend] = [
        backends.BundleBackend(folder, arguments.threads) for folder in arguments.bundle
    ]
    if arguments.http:
        created.append(backends.HttpBackend(arguments.http, arguments.model))
        if arguments.season_not_told:
            created.append(backends.HttpBackend(arguments.http, arguments.model, False))
    if arguments.cli:
        created.append(backends.CliBackend(arguments.cli, arguments.model))
    return created


def report_failures(name: str, errors: dict[str, str]) -> None:
    """Print the number of failed series and the first errors."""
    print(f"{name}: {len(errors)} series failed", file=sys.stderr)
    for series_id, reason in list(errors.items())[:MAX_SHOWN]:
        print(f"  {series_id}: {reason}", file=sys.stderr)


def report_agreement(
    left: backends.Backend,
    right: backends.Backend,
    results: dict[str, list[backends.ForecastResults]],
) -> bool:
    """Print on how many series two backends agree; return true if they agree on all."""
    served = left.served and right.served
    tolerance = scoring.SERVED_TOLERANCE if served else scoring.BUNDLE_TOLERANCE
    equal = 0
    different: list[str] = []
    for left_results, right_results in zip(results[left.name], results[right.name], strict=True):
        same, other = scoring.compare_results(left_results, right_results, tolerance)
        equal, different = equal + same, different + other
    total = equal + len(different)
    print(f"{left.name} and {right.name}: equal within {tolerance:g} on {equal} of {total} series")
    if different:
        print(f"  different: {', '.join(different[:MAX_SHOWN])}", file=sys.stderr)
    return not different


def main() -> int:
    arguments = parse_arguments()
    datasets = competitions.load(arguments.limit)
    chosen = create_backends(arguments)
    results: dict[str, list[backends.ForecastResults]] = {}
    scores: dict[str, list[scoring.Score]] = {}
    passed = True

    total = len(chosen) * sum(len(dataset.series) for dataset in datasets)
    with tqdm(total=total, unit="series", disable=None) as progress:
        for backend in chosen:
            results[backend.name] = [
                backend.forecast(dataset, progress.update) for dataset in datasets
            ]

    for backend in chosen:
        backend_results = results[backend.name]
        errors = {
            key: reason for result in backend_results for key, reason in result.errors.items()
        }
        if errors:
            report_failures(backend.name, errors)
            passed = False
        if any(not result.numbers for result in backend_results):
            continue
        scores[backend.name] = [
            scoring.score(dataset, result)
            for dataset, result in zip(datasets, backend_results, strict=True)
        ]
        print(f"\n{backend.name}\n\n{report.table(scores[backend.name])}\n")
        for score in scores[backend.name]:
            if score.mase_ratio > 1.0:
                worse = f"worse than seasonal naive on {score.dataset}"
                print(f"{backend.name}: {worse}", file=sys.stderr)
                passed = False

    comparable = [backend for backend in chosen if getattr(backend, "sends_frequency", True)]
    for left, right in combinations(comparable, 2):
        passed &= report_agreement(left, right, results)

    if arguments.output and scores:
        arguments.output.mkdir(parents=True, exist_ok=True)
        report.write_csv(arguments.output / "scores.csv", scores)
        report.plot(arguments.output / "scores.png", scores)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
