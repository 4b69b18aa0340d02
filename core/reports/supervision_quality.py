"""How wrong the wrong ones are (Guiding Through Complexity, paper 7): the outcome error of an author beside the error of its steps.

Two sources with the same share of wrong answers may teach very differently: what counts is how many of their steps are wrong. Steps
before the first wrong one count as right, it and those after it as wrong, unless a person said otherwise of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics import NO_ERROR, bootstrap, wilson
from core.reports.base import REGISTRY

ROUNDS = 400  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Supervised:
    """An audited answer: who wrote it, whether its outcome is wrong (``None``: unknown), and its steps as people found them.

    ``first_error`` counts from 0, -1 for none; ``steps`` is how many there are; ``labels`` are what people gave single steps.
    """

    author: str
    outcome_wrong: bool | None
    first_error: int
    steps: int
    labels: tuple[int | None, ...] = ()

    @property
    def wrong_steps(self) -> int:
        first = self.steps if self.first_error == NO_ERROR else self.first_error
        own = [*self.labels, *[None] * self.steps][: self.steps]
        return sum(place >= first if label is None else label < 0 for place, label in enumerate(own))


@REGISTRY.register("supervision_quality")
class SupervisionQualityReport:
    name = "supervision_quality"

    def compute(self, rows: Sequence[Supervised]) -> Mapping[str, Any]:
        """``authors``, the one with the fewest wrong steps first, and ``overall``."""
        groups: dict[str, list[Supervised]] = defaultdict(list)
        for row in rows:
            if row.steps:
                groups[row.author].append(row)
        authors = [{"author": author, **figures(some)} for author, some in groups.items()]
        return {
            "overall": figures([row for some in groups.values() for row in some]),
            "authors": sorted(authors, key=lambda one: (one["step_error"], one["author"])),
        }


def figures(rows: Sequence[Supervised]) -> dict[str, Any]:
    """``n`` answers; ``outcome_error`` of those whose outcome is known; ``process_error``: with a wrong step; ``step_error``: wrong
    steps of all; ``severity``: wrong steps of the answers that have one. Intervals are of 95 %."""
    known = [row.outcome_wrong for row in rows if row.outcome_wrong is not None]
    faulty = [row for row in rows if row.wrong_steps]
    wrong, total = [row.wrong_steps for row in rows], [row.steps for row in rows]
    low, high = bootstrap(_share, wrong, total, rounds=ROUNDS) if rows else (None, None)
    outcome = wilson(sum(known), len(known))
    return {
        "n": len(rows),
        "outcome_error": sum(known) / len(known) if known else None,
        "outcome_low": outcome[0] if known else None,
        "outcome_high": outcome[1] if known else None,
        "process_error": len(faulty) / len(rows) if rows else None,
        "step_error": sum(wrong) / sum(total) if rows else 0.0,
        "step_low": low,
        "step_high": high,
        "severity": sum(row.wrong_steps for row in faulty) / sum(row.steps for row in faulty) if faulty else None,
    }


def _share(wrong: NDArray[np.float64], total: NDArray[np.float64]) -> float:
    """Of steps, those that are wrong: answers are drawn whole."""
    return float(wrong.sum() / total.sum())
