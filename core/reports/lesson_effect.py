"""Whether lessons help: items answered twice under one seed, without a lesson (or the whole memory) and with it (papers 9 and 24).

Fix rate: of the answers that were wrong without, the share that is right with. Break rate: of those that were right without, the
share that is wrong with, which DROC lacks. Net: what accuracy gains. An item that was tried more than once counts with its newest
trial, because the memory is another one each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from core.metrics import wilson
from core.reports.base import REGISTRY
from core.reports.loop import week_of

FEWEST = 5  # changed answers, or votes, before a lesson is judged by them
HALF = 0.5
OVERWHELMING = (
    0.6  # what the lower bound of the share of "not relevant" must exceed: people vote on what they see, not at random
)
Z = 1.96


@dataclass(frozen=True, slots=True)
class Trial:
    """One pair of answers, each right or not; ``lesson_id`` is ``None`` for the whole memory, ``day`` an ISO date."""

    item_id: int
    lesson_id: int | None
    right_without: bool
    right_with: bool
    day: str


@REGISTRY.register("lesson_effect")
class LessonEffectReport:
    name = "lesson_effect"

    def compute(self, rows: Sequence[Trial]) -> Mapping[str, Any]:
        """``rows`` in the order of their making. Figures of the whole memory, by ISO week, and per lesson under its id."""
        whole = [row for row in rows if row.lesson_id is None]
        weeks: dict[str, list[Trial]] = defaultdict(list)
        for row in whole:
            weeks[week_of(row.day)].append(row)
        single: dict[int, list[Trial]] = defaultdict(list)
        for row in rows:
            if row.lesson_id is not None:
                single[row.lesson_id].append(row)
        return {
            **figures(whole),
            "weeks": [{"week": week, **figures(part)} for week, part in sorted(weeks.items())],
            "lessons": {lesson_id: figures(part) for lesson_id, part in sorted(single.items())},
        }


def newest(trials: Iterable[Trial]) -> list[Trial]:
    """The last trial of each item and lesson, in the order in which they come."""
    kept = {(trial.lesson_id, trial.item_id): trial for trial in trials}
    return list(kept.values())


def figures(trials: Iterable[Trial]) -> dict[str, Any]:
    """Counts, rates and 95 % intervals: Wilson's for the rates; for ``net`` that of Bonett and Price (2012) for paired shares.

    A rate and its interval are ``None`` where nothing could be fixed or broken.
    """
    pairs = newest(trials)
    wrong = [pair for pair in pairs if not pair.right_without]
    right = [pair for pair in pairs if pair.right_without]
    fixed, broken = sum(pair.right_with for pair in wrong), sum(not pair.right_with for pair in right)
    n = len(pairs)
    return {
        "n": n,
        "was_wrong": len(wrong),
        "was_right": len(right),
        "fixed": fixed,
        "broken": broken,
        "fix_rate": fixed / len(wrong) if wrong else None,
        "fix_interval": list(wilson(fixed, len(wrong))) if wrong else None,
        "break_rate": broken / len(right) if right else None,
        "break_interval": list(wilson(broken, len(right))) if right else None,
        "accuracy_without": len(right) / n if n else None,
        "accuracy_with": (len(right) - broken + fixed) / n if n else None,
        "net": (fixed - broken) / n if n else None,
        "net_interval": list(net_interval(fixed, broken, n)) if n else None,
    }


def net_interval(fixed: int, broken: int, n: int) -> tuple[float, float]:
    """95 % interval of (fixed - broken) / n, with one pair of either kind added (Bonett and Price 2012), cut to [-1, 1]."""
    up, down = (fixed + 1) / (n + 2), (broken + 1) / (n + 2)
    half = Z * sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


@dataclass(frozen=True, slots=True)
class Retire:
    """Why a lesson should go, in words with figures, and on how many changed answers and votes that rests."""

    reason: str
    evidence: int
    figures: Mapping[str, Any]


def why_retire(effect: Mapping[str, Any], used: int, not_relevant: int) -> Retire | None:
    """Whether a lesson breaks more than it fixes, or people overwhelmingly say that it does not belong.

    ``effect`` is its ``figures``. Both need ``FEWEST`` cases and the lower end of Wilson's interval above a half (of the votes: above
    ``OVERWHELMING``), so that a few unlucky draws retire nothing.
    """
    fixed, broken = effect["fixed"], effect["broken"]
    changed, votes = fixed + broken, used + not_relevant
    reasons = []
    low = wilson(broken, changed)[0]
    if changed >= FEWEST and low > HALF:
        reasons.append(
            f"It broke {broken} and fixed {fixed} of {effect['n']} answers that were tried with and without it: "
            f"at least {100 * low:.0f} % of the changes are for the worse (95 % interval)."
        )
    low = wilson(not_relevant, votes)[0]
    if votes >= FEWEST and low > OVERWHELMING:
        reasons.append(f"People voted it not relevant {not_relevant} of {votes} times.")
    if not reasons:
        return None
    told = {**effect, "used": used, "not_relevant": not_relevant}
    return Retire(" ".join(reasons), changed + votes, told)
