"""Published scores on the eight tasks, in the order of the tasks.

Those of AutoETS, AutoTheta, and the mean of these two and AutoCES come from the research note that
preceded these models; those of Chronos-Bolt base were published with it.
"""

from __future__ import annotations

from dataclasses import replace

from .scores import Baseline, Score, relative_to
from .tasks import EIGHT_NAMES

NAN = float("nan")
UNKNOWN = (NAN,) * len(EIGHT_NAMES)

MASE = {
    "AutoETS, quoted": (3.950, 1.659, 1.090, 2.695, 1.143, 0.863, 1.599, 1.531),
    "AutoTheta, quoted": (3.609, 1.667, 1.101, 2.598, 1.103, 0.861, 1.642, 1.656),
    "mean of the three, quoted": (3.518, 1.617, 1.037, 2.688, 1.088, 0.833, 1.507, 1.455),
    "Chronos-Bolt base, quoted": (4.405, 1.774, 1.100, 2.907, 1.289, 0.851, 1.756, 1.528),
}
WQL = {
    "mean of the three, quoted": (0.1241, 0.0777, 0.1662, 0.1348, 0.0691, 0.0921, 0.0661, 0.0810),
    "Chronos-Bolt base, quoted": (0.1505, 0.1007, 0.1392, 0.1293, 0.0762, 0.0927, 0.0645, 0.0903),
}


def scores(naive: Score, baseline: Baseline) -> list[Score]:
    """Return the quoted scores for the set of `naive`, if it is one of the eight."""
    if naive.task not in EIGHT_NAMES:
        return []
    at = EIGHT_NAMES.index(naive.task)
    return [
        relative_to(
            baseline,
            replace(
                naive,
                method=method,
                mase=mase[at],
                wql=WQL.get(method, UNKNOWN)[at],
                smape=NAN,
                coverage_80=NAN,
            ),
        )
        for method, mase in MASE.items()
    ]
