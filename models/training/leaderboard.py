"""Score bundles and other forecasters on public tasks and on held-out series.

The sets are the eight public tasks (M1, M3, Tourism), and five kinds of held-out series: hourly,
half-hourly, daily, weekly and intermittent, with synthetic series for three of them. The latter
need --corpus. Prints Markdown, and writes leaderboard.csv and leaderboard.png.

Classical forecasts are cached in OUTPUT/cache, so that an interrupted run can be resumed. With
--no-fit, methods that are not in the cache are skipped. Bundles are always run.

MASE and WQL (mean over the deciles) are defined as in evaluate.py. On held-out series each window
is divided by the mean size of its history before WQL is computed, and the ratios are relative to
the better of seasonal naive with and without bands.

Requires `pip install -e 'models/training[dev,leaderboard]'`; fracast is included if installed.

Examples:
  python models/training/leaderboard.py --output board --bundle models/seasonal/1
  python models/training/leaderboard.py --output board --corpus CORPUS --no-fit \\
      --sets hourly,half-hourly,daily,weekly,intermittent --bundle models/seasonal/1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from almanac_training.leaderboard import forecasters, kinds, packaged, quoted, scores, show, tasks
from almanac_training.leaderboard.forecasters import Forecaster, Mean
from almanac_training.leaderboard.run import Runner
from almanac_training.leaderboard.scores import Score
from almanac_training.leaderboard.tasks import Task


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--output", type=Path, metavar="DIR", required=True, help="folder for the results")
    add("--corpus", type=Path, metavar="DIR", help="folder of .npz files for the held-out sets")
    add(
        "--bundle",
        type=Path,
        metavar="DIR",
        action="append",
        default=[],
        help="folder of a model version; may be repeated",
    )
    add("--sets", metavar="A,B", help="names of the sets to score (default: all)")
    add(
        "--methods",
        metavar="A,B",
        help="methods in addition to seasonal naive and bundles, or none (default: all)",
    )
    add("--limit", type=int, metavar="N", help="use only N windows of each set")
    add(
        "--season",
        choices=("known", "unknown", "both"),
        default="known",
        help="whether bundles get the season length (default: known)",
    )
    add("--no-fit", action="store_true", help="skip methods that are not in the cache")
    return parser.parse_args()


def load_tasks(arguments: argparse.Namespace) -> list[Task]:
    """Load the requested sets."""
    wanted = arguments.sets.split(",") if arguments.sets else None
    found: list[Task] = []
    if wanted is None or set(wanted) & {tasks.EIGHT, *tasks.EIGHT_NAMES}:
        found += tasks.eight()
    if arguments.corpus:
        found += kinds.load(arguments.corpus)
        for package in packaged.missing():
            print(f"{package} is not installed; its series are skipped", file=sys.stderr)
    if wanted is not None:
        known = {name for task in found for name in (task.name, task.group)}
        if unknown := set(wanted) - known:
            sys.exit(f"no such set: {', '.join(sorted(unknown))} (held-out sets need --corpus)")
        found = [task for task in found if {task.name, task.group} & set(wanted)]
    return [tasks.limit_windows(task, arguments.limit) for task in found]


def load_methods(arguments: argparse.Namespace) -> list[Forecaster | Mean]:
    """Create the requested methods, of those that are installed."""
    if arguments.methods == "none":
        return []
    known: list[Forecaster | Mean] = [
        forecasters.NaiveBands(second_season=True),
        forecasters.PastDeciles(),
    ]
    if find_spec("statsforecast"):
        from almanac_training.leaderboard import classical

        known += classical.forecasters()
    else:
        print("statsforecast is not installed; its methods are skipped", file=sys.stderr)
    if find_spec("fracast"):
        known.append(forecasters.Fracast())
    if arguments.methods is None:
        return known
    wanted = arguments.methods.split(",")
    if unknown := set(wanted) - {method.name for method in known}:
        sys.exit(f"no such method: {', '.join(sorted(unknown))}")
    return [method for method in known if method.name in wanted]


def load_bundles(arguments: argparse.Namespace) -> list[forecasters.BundleForecaster]:
    """Load the bundles, once for each season setting."""
    settings = {"known": [True], "unknown": [False], "both": [True, False]}[arguments.season]
    return [
        forecasters.BundleForecaster(folder, season_known)
        for folder in arguments.bundle
        for season_known in settings
    ]


def score_task(task: Task, methods: Sequence[Forecaster | Mean], runner: Runner) -> list[Score]:
    """Score seasonal naive with and without bands, then the methods, and add quoted scores."""

    def scored(method: Forecaster | Mean) -> list[Score]:
        result = runner.forecast(method, task)
        return [scores.score(task, method.name, result.deciles, result.failed)] if result else []

    naive, bands = scored(forecasters.Naive()) + scored(forecasters.NaiveBands())
    baseline = scores.baseline(naive, bands)
    results = [naive, bands, *(score for method in methods for score in scored(method))]
    results = [scores.relative_to(baseline, score) for score in results]
    return results + quoted.scores(naive, baseline)


def main() -> int:
    arguments = parse_arguments()
    found = load_tasks(arguments)
    bundles = load_bundles(arguments)
    methods = [*load_methods(arguments), *bundles]
    runner = Runner(arguments.output / "cache", fit=not arguments.no_fit)
    results = [score for task in found for score in score_task(task, methods, runner)]

    print(show.markdown(results))
    arguments.output.mkdir(parents=True, exist_ok=True)
    show.write_csv(arguments.output / "leaderboard.csv", results)
    names = [bundle.name for bundle in bundles]
    show.plot(arguments.output / "leaderboard.png", results, names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
