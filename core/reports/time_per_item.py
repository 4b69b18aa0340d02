"""How long a review takes: median with its interval, and quartiles, for all and for each person.

Medians, because one forgotten tab outweighs a day in a mean. The interval is that of order statistics: ranks of the binomial with
one half, which asks nothing of how times are spread (Conover 1999, section 3.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import comb, sqrt
from statistics import median, quantiles
from typing import Any

from core.reports.agreement import Judgement
from core.reports.base import REGISTRY

FEWEST = 10  # timed reviews before a figure is shown
EXACT = 500  # values up to which the binomial is added up


@REGISTRY.register("time_per_item")
class TimePerItemReport:
    name = "time_per_item"

    def compute(self, rows: Sequence[Judgement]) -> Mapping[str, Any]:
        """``overall`` and ``people`` (most reviews first): ``n``, and in seconds ``median``, ``low``, ``high``, ``q1`` and ``q3``."""
        mine: dict[int, list[float]] = defaultdict(list)
        names: dict[int, str] = {}
        for row in rows:
            if row.seconds is not None:
                mine[row.user_id].append(row.seconds)
                names[row.user_id] = row.user
        people = [{"user": user, "name": names[user], **figures(some)} for user, some in mine.items()]
        return {
            "fewest": FEWEST,
            "overall": figures([one for some in mine.values() for one in some]),
            "people": sorted(people, key=lambda one: (-one["n"], one["user"])),
        }


def figures(seconds: Sequence[float]) -> dict[str, Any]:
    """None for all but ``n`` below ``FEWEST``."""
    if len(seconds) < FEWEST:
        return {"n": len(seconds), **dict.fromkeys(("median", "low", "high", "q1", "q3"))}
    q1, _, q3 = quantiles(seconds, n=4, method="inclusive")
    low, high = median_interval(seconds)
    return {"n": len(seconds), "median": median(seconds), "low": low, "high": high, "q1": q1, "q3": q3}


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """At least 95 %: the innermost ranks with at most 2.5 % of the binomial outside on either side; all values where there are few."""
    ordered, n = sorted(values), len(values)
    rank = max(_outside(n), 1)
    return ordered[rank - 1], ordered[n - rank]


def _outside(n: int) -> int:
    """How many of the smallest of n values lie below the interval's lower end, plus one; by the normal curve where n is large."""
    if n > EXACT:
        return int((n - 1.96 * sqrt(n) - 1) / 2) + 1
    outside, rank = 0.0, 0
    while rank < n // 2:
        outside += comb(n, rank) / 2**n
        if outside > 0.025:
            break
        rank += 1
    return rank
