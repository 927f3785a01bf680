"""Scores on the eight tasks that were worked out elsewhere, in the order of the tasks.

Of AutoETS, AutoTheta and the mean of them and AutoCES: from the research note that
preceded these models. Of Chronos-Bolt base: as published with it.
"""

from __future__ import annotations

from dataclasses import replace

from .scores import Bar, Score, against
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


def scores(naive: Score, own_bar: Bar) -> list[Score]:
    """Those on the set of this score of seasonal naive, if it is one of the eight."""
    if naive.task not in EIGHT_NAMES:
        return []
    at = EIGHT_NAMES.index(naive.task)
    return [
        against(
            own_bar,
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
