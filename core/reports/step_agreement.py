"""Two reviewers' step labels of the same answer compared: the same first wrong step, one step apart, and Cohen's kappa over the steps.

Kappa (Cohen 1960) is over the labels -1, 0, +1 of steps that both people labelled; steps after a first wrong one have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from core.metrics import NO_ERROR, wilson
from core.reports.base import REGISTRY
from core.step_labels import StepReview, by_output

Both = tuple[StepReview, StepReview]


@REGISTRY.register("step_agreement")
class StepAgreementReport:
    name = "step_agreement"

    def compute(self, rows: Sequence[StepReview]) -> Mapping[str, Any]:
        """``overall`` and ``pairs`` of people with their figures; ``differ``: the (review, review) that do, latest first."""
        met = [pair for people in by_output(rows).values() for pair in combinations(people, 2)]
        pairs: dict[tuple[int, int], list[Both]] = {}
        for pair in met:
            pairs.setdefault((pair[0].user_id, pair[1].user_id), []).append(pair)
        differ = [pair for pair in met if pair[0].first_error != pair[1].first_error]
        return {
            "overall": figures(met),
            "pairs": [
                {"users": users, "names": _names(some), **figures(some)} for users, some in sorted(pairs.items())
            ],
            "differ": sorted(differ, key=lambda pair: -max(one.review_id for one in pair)),
        }


def figures(met: Sequence[Both]) -> dict[str, Any]:
    """``n`` answers that both judged, the share with the same first wrong step (or both none) with its interval, and kappa."""
    same = sum(a.first_error == b.first_error for a, b in met)
    low, high = wilson(same, len(met))
    steps = [
        (x, y) for a, b in met for x, y in zip(a.labels, b.labels, strict=False) if x is not None and y is not None
    ]
    return {
        "n": len(met),
        "same": same / len(met) if met else None,
        "low": low if met else None,
        "high": high if met else None,
        "near": sum(_near(a, b) for a, b in met) / len(met) if met else None,
        "steps": len(steps),
        "kappa": kappa(steps),
    }


def kappa(labels: Sequence[tuple[int, int]]) -> float | None:
    """Agreement beyond chance of two label sequences, at most 1; ``None`` without labels, and where both people gave one label only."""
    if not labels:
        return None
    n = len(labels)
    observed = sum(a == b for a, b in labels) / n
    first, second = Counter(a for a, _ in labels), Counter(b for _, b in labels)
    chance = sum(first[label] * second[label] for label in first) / n**2
    return (observed - chance) / (1 - chance) if chance < 1 else None


def _near(a: StepReview, b: StepReview) -> bool:
    x, y = a.first_error, b.first_error
    return x is not None and y is not None and NO_ERROR not in {x, y} and abs(x - y) == 1


def _names(some: Sequence[Both]) -> tuple[str, str]:
    return some[-1][0].user, some[-1][1].user
