"""How far each judge can be trusted, from its stored verdicts: order agreement, and what its verdicts follow (RBD, paper 16).

Needs no right answers, unlike the paper's accuracy and consistency. A share is over the verdicts of which it can be said and ``None``
where there is none. ``step_figures`` asks the same of a critic: whether its "wrong" falls on the first, last or longest step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.reports.base import REGISTRY
from core.types import Critique, StepLabel, Vote

OTHER = {"1": "2", "2": "1"}


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One pair judged in both orders, as ``core.critics.judge_audit.details`` keeps it: winners in the original order."""

    judge: str
    first: str | None
    swapped: str | None
    longer: str | None = None
    chips: tuple[str, ...] = ()
    asked_again: bool = False
    kept: bool = False  # asked again, it said the same in both orders as before


@REGISTRY.register("judge_audit")
class JudgeAuditReport:
    name = "judge_audit"

    def compute(self, rows: Sequence[JudgedPair]) -> Mapping[str, Any]:
        """Figures per judge, by name: ``order_agreement``, ``slot_kept`` and ``length_share`` in [0, 1], counts of chips."""
        judges = sorted({row.judge for row in rows})
        return {"judges": [figures(judge, [row for row in rows if row.judge == judge]) for judge in judges]}


def figures(judge: str, rows: Sequence[JudgedPair]) -> dict[str, Any]:
    read = [row for row in rows if row.first in OTHER and row.swapped in OTHER]
    said = [(row.longer, one) for row in rows for one in (row.first, row.swapped) if one in OTHER and row.longer]
    again = [row for row in rows if row.asked_again]
    return {
        "judge": judge,
        "pairs": len(rows),
        "unreadable": sum((row.first not in OTHER) + (row.swapped not in OTHER) for row in rows),
        "order_agreement": _share(sum(row.first == row.swapped for row in read), len(read)),
        "slot_kept": _share(sum(row.first != row.swapped for row in read), len(read)),
        "first_slot": _share(sum((row.first == "1") + (row.swapped == "2") for row in read), 2 * len(read)),
        "length_share": _share(sum(longer == one for longer, one in said), len(said)),
        "asked_again": len(again),
        "insistence": _share(sum(row.kept for row in again), len(again)),
        "chips": _count(chip for row in rows for chip in row.chips),
    }


def pairs_of(votes: Iterable[Vote]) -> list[JudgedPair]:
    """The judged pairs among stored votes; other votes, and those kept without their orders, are passed over."""
    found = []
    for vote in votes:
        orders = vote.details.get("orders")
        if not isinstance(orders, list) or len(orders) != 2:
            continue
        before = vote.details.get("before") or {}
        found.append(
            JudgedPair(
                str(vote.details.get("judge") or vote.source),
                orders[0],
                orders[1],
                vote.details.get("longer"),
                tuple(vote.details.get("chips", ())),
                asked_again=bool(before),
                kept=before.get("orders") == orders,
            )
        )
    return found


def step_figures(critiques: Sequence[tuple[Critique, Sequence[int]]]) -> list[dict[str, Any]]:
    """Per critic: of its "wrong" verdicts, the share on the first, the last and the longest step, beside chance.

    Each critique comes with the lengths of all steps of its answer, two at least. Chance is what a critic would reach that calls
    steps wrong without looking at place or length: the mean of one over the number of steps. Errors really are more often late
    than early, so a share above chance is a reason to look, no proof.
    """
    wrong = [(one, lengths) for one, lengths in critiques if one.label is StepLabel.WRONG and len(lengths) > 1]
    found = []
    for source in sorted({one.source for one, _ in wrong}):
        mine = [(one.step_index, lengths) for one, lengths in wrong if one.source == source]
        n = len(mine)
        found.append(
            {
                "critic": source,
                "wrong": n,
                "first_step": _share(sum(step == 0 for step, _ in mine), n),
                "last_step": _share(sum(step == len(lengths) - 1 for step, lengths in mine), n),
                "longest_step": _share(sum(lengths[step] == max(lengths) for step, lengths in mine), n),
                "chance": sum(1 / len(lengths) for _, lengths in mine) / n,
            }
        )
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _count(names: Iterable[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return dict(sorted(counted.items()))
