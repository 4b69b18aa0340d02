"""When a second answer should replace the first: always, above a risk, or where it is the less risky one (GLoRe, paper 45).

GLoRe asks an outcome model when to refine and which answer to keep; here the risk of each answer, the chance that it is wrong, says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from core.reports.second_tries import SecondTry


def policies(tries: Sequence[SecondTry], threshold: float) -> dict[str, Any] | None:
    """Accuracy of the first answers and of each way to use one refiner's second answers, over tries with both risks.

    ``gated`` takes the second answer where the first one's risk is at least ``threshold``, ``least_risky`` where it has the lower risk.
    """
    known = [one for one in tries if one.first_risk is not None and one.second_risk is not None]
    if not known:
        return None
    return {
        "n": len(known),
        "first": _share([one.first for one in known]),
        "always": _share([one.second for one in known]),
        "gated": _share([one.second if (one.first_risk or 0) >= threshold else one.first for one in known]),
        "least_risky": _share(
            [one.second if (one.second_risk or 0) < (one.first_risk or 0) else one.first for one in known]
        ),
    }


def together(tries: Sequence[SecondTry]) -> dict[str, Any] | None:
    """Accuracy of the least risky of a first answer and all that refiners made of it; ``None`` where no two were at one answer."""
    groups: dict[tuple[str, str], list[SecondTry]] = defaultdict(list)
    for one in tries:
        if one.first_risk is not None and one.second_risk is not None:
            groups[one.question, one.draft].append(one)
    shared = [group for group in groups.values() if len({one.refiner for one in group}) > 1]
    if not shared:
        return None
    return {
        "n": len(shared),
        "first": _share([group[0].first for group in shared]),
        "least_risky": _share([_least_risky(group) for group in shared]),
    }


def _least_risky(group: Sequence[SecondTry]) -> bool:
    best = min(group, key=lambda one: one.second_risk or 0)
    return best.second if (best.second_risk or 0) < (group[0].first_risk or 0) else group[0].first


def overlap(tries: Sequence[SecondTry]) -> list[dict[str, Any]]:
    """For each two refiners that were at the same wrong first answers: how many both put right, only one, the other, neither."""
    fixed: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    for one in tries:
        if not one.first:
            place = (one.question, one.draft)
            fixed[one.refiner][place] = fixed[one.refiner].get(place, False) or one.second
    found = []
    for a, b in combinations(sorted(fixed), 2):
        shared = fixed[a].keys() & fixed[b].keys()
        if shared:
            both = sum(fixed[a][k] and fixed[b][k] for k in shared)
            only_a, only_b = sum(fixed[a][k] for k in shared) - both, sum(fixed[b][k] for k in shared) - both
            row = {"refiners": [a, b], "wrong": len(shared), "both": both, "only_first": only_a, "only_second": only_b}
            found.append(row | {"neither": len(shared) - both - only_a - only_b})
    return found


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values)
