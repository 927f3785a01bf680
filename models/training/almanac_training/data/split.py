"""Which series of the corpus are held out of training, for the leaderboard.

The rule looks at the names alone, so training and evaluation need no shared list, and a
series keeps its side when others are added.
"""

from __future__ import annotations

import hashlib

# Yearly, quarterly and monthly series are many. Of the others a twentieth would be a handful.
COMMON_SEASONS = (1, 4, 12)
ONE_IN_COMMON = 20
ONE_IN_RARE = 5

# Half-hourly series are so few that the rule would leave next to nothing to test on.
ALWAYS_HELD_OUT = {("forecast", "taylor")}


def is_held_out(source: str, name: str, season: int) -> bool:
    """Whether no model may be trained on this series, nor on anything made from it."""
    if (source, name) in ALWAYS_HELD_OUT:
        return True
    digest = hashlib.blake2b(f"{source}/{name}".encode(), digest_size=8).digest()
    one_in = ONE_IN_COMMON if season in COMMON_SEASONS else ONE_IN_RARE
    return int.from_bytes(digest, "big") % one_in == 0
