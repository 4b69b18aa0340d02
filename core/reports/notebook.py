"""The correction notebook of critics (MCL, paper 11): each review against what critics said of that answer at that time.

Different from the paper: first wrong steps are compared, not every step, because people stop at the first wrong one (DeepCritic,
paper 14). A critic that said nothing of an answer is left out there; one that judged steps and called none wrong said "none".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from core import metrics
from core.metrics import NO_ERROR
from core.reports.base import REGISTRY
from core.step_labels import StepReview


class Outcome(StrEnum):
    AGREED = "agreed"  # the same step, or none
    FALSE_ALARM = "false_alarm"  # a step that people found right
    MISS = "miss"  # nothing, or only a later step


@dataclass(frozen=True, slots=True)
class Entry:
    """One critic against one review. ``near``: it named the step before or after the first wrong one."""

    critic: str
    review: StepReview
    said: int
    truth: int
    outcome: Outcome
    near: bool


def outcome(said: int, truth: int) -> Outcome:
    """A step named before the first wrong one is a false alarm; steps after it were not judged, so naming one is a miss."""
    if said == truth:
        return Outcome.AGREED
    return Outcome.FALSE_ALARM if said != NO_ERROR and (truth == NO_ERROR or said < truth) else Outcome.MISS


def entries(reviews: Sequence[StepReview]) -> list[Entry]:
    """In the order of ``reviews``; those that do not say which step is wrong are left out."""
    found = []
    for one in reviews:
        if one.first_error is None:
            continue
        for critic, said in sorted(one.said.items()):
            near = NO_ERROR not in {said, one.first_error} and abs(said - one.first_error) == 1
            found.append(Entry(critic, one, said, one.first_error, outcome(said, one.first_error), near))
    return found


@REGISTRY.register("notebook")
class NotebookReport:
    name = "notebook"

    def compute(self, rows: Sequence[StepReview]) -> Mapping[str, Any]:
        """``critics``: figures of each over all rows. ``weeks``: counts per week (its Monday) and critic, latest week first."""
        known = entries(rows)
        weeks: dict[tuple[date, str], list[Entry]] = {}
        for one in known:
            weeks.setdefault((monday(one.review.at.date()), one.critic), []).append(one)
        return {
            "critics": [_figures(name, known) for name in sorted({one.critic for one in known})],
            "weeks": [
                {"week": week.isoformat(), "critic": critic, **_counts(weeks[week, critic])}
                for week, critic in sorted(weeks, key=lambda key: (-key[0].toordinal(), key[1]))
            ],
        }


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _figures(critic: str, known: Sequence[Entry]) -> dict[str, Any]:
    """Accuracies with Wilson's 95 % intervals; ``None`` for what is not defined on these rows."""
    mine = [one for one in known if one.critic == critic]
    found = metrics.first_error([one.truth for one in mine], [one.said for one in mine])
    right = {
        "error": (sum(e.outcome is Outcome.AGREED for e in mine if e.truth != NO_ERROR), found.faulty),
        "clean": (sum(e.outcome is Outcome.AGREED for e in mine if e.truth == NO_ERROR), found.clean),
    }
    shares: dict[str, Any] = {}
    for name, (hits, n) in right.items():
        low, high = metrics.wilson(hits, n)
        shares |= {f"{name}_accuracy": hits / n if n else None}
        shares |= {f"{name}_low": low if n else None, f"{name}_high": high if n else None}
    return {
        "critic": critic,
        **_counts(mine),
        **shares,
        "faulty": found.faulty,
        "clean": found.clean,
        "f1": found.f1 if found.faulty and found.clean else None,
        "near_share": sum(one.near for one in mine) / found.faulty if found.faulty else None,
    }


def _counts(some: Sequence[Entry]) -> dict[str, int]:
    counted = {kind.value: sum(one.outcome is kind for one in some) for kind in Outcome}
    return {"n": len(some), **counted, "near": sum(one.near for one in some)}
