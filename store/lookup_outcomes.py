"""What came of look-ups: who asked, what was found, and what people then said of the answer and of the lessons in its prompt.

One query joins it. What was taken back counts for nothing: reviews and corrections that a retraction holds, and retracted lessons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import Session, aliased

from core.types import LessonStatus, Verdict
from store.reviews import is_current
from store.tables import Correction, Item, Lesson, Lookup, Output, Retrieval, Review
from store.withdrawn import held

ASKERS = ("generate", "retry", "reask", "gateway", "api")  # who looks lessons up
MOST = 2000  # newest look-ups of a summary
JUDGED = (Verdict.ACCEPTABLE, Verdict.FAULTY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``verdict``: the newest on the answer. ``corrections``: how many it took from there until an answer of the item was accepted,
    ``None`` where none was. ``lessons`` in the prompt, with votes on them. Without an answer of its own only the look-up is known."""

    lookup_id: int
    asked_by: str
    at: datetime
    stopped: str
    output_id: int | None
    item_id: int | None
    prompt: str | None
    verdict: str | None
    corrections: int | None
    lessons: int
    used: int
    not_relevant: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Of several look-ups. ``accepted`` of those ``judged``; ``corrections`` until accepted, the mean over ``settled`` ones."""

    n: int
    with_lessons: int
    unsure: int
    judged: int
    accepted: int
    settled: int
    corrections: float | None
    used: int
    not_relevant: int


def of(session: Session, lookup_id: int) -> Outcome | None:
    row = session.execute(_joined().where(Lookup.id == lookup_id)).one_or_none()
    return None if row is None else _outcome(row)


def newest(session: Session, project_id: int, limit: int = MOST) -> list[Outcome]:
    """The newest first."""
    query = _joined().where(Lookup.project_id == project_id).order_by(Lookup.id.desc()).limit(limit)
    return [_outcome(row) for row in session.execute(query)]


def summary(rows: Sequence[Outcome]) -> Summary:
    settled = [row.corrections for row in rows if row.corrections is not None]
    return Summary(
        n=len(rows),
        with_lessons=sum(row.lessons > 0 for row in rows),
        unsure=sum(row.stopped == "unsure" for row in rows),
        judged=sum(row.verdict in JUDGED for row in rows),
        accepted=sum(row.verdict == Verdict.ACCEPTABLE for row in rows),
        settled=len(settled),
        corrections=sum(settled) / len(settled) if settled else None,
        used=sum(row.used for row in rows),
        not_relevant=sum(row.not_relevant for row in rows),
    )


def _outcome(row: Any) -> Outcome:
    lookup_id, asked_by, at, stopped, output_id, item_id, prompt, verdict, accepted, corrections, *votes = row
    until = corrections if accepted is not None else None
    return Outcome(lookup_id, asked_by, at, stopped, output_id, item_id, prompt, verdict, until, *votes)


def _joined() -> Select[*tuple[Any, ...]]:
    accepted = _accepted_attempt()
    return (
        select(
            Lookup.id,
            Lookup.asked_by,
            Lookup.created_at,
            Lookup.stopped,
            Lookup.output_id,
            Output.item_id,
            Item.prompt,
            _verdict(),
            accepted,
            _corrections(accepted),
            _lessons(),
            _lessons("used"),
            _lessons("not_relevant"),
        )
        .outerjoin(Output, Output.id == Lookup.output_id)
        .outerjoin(Item, Item.id == Output.item_id)
    )


def _verdict() -> ScalarSelect[str]:
    query = select(Review.verdict).where(Review.output_id == Lookup.output_id, is_current(Review))
    return query.order_by(Review.id.desc()).limit(1).correlate(Lookup).scalar_subquery()


def _accepted_attempt() -> ScalarSelect[int]:
    """The first attempt, from this one on, that people let stand."""
    later = aliased(Output)
    query = select(func.min(later.attempt)).join(Review, Review.output_id == later.id)
    fine = query.where(Review.verdict == Verdict.ACCEPTABLE, is_current(Review))
    same = fine.where(later.item_id == Output.item_id, later.attempt >= Output.attempt)
    return same.correlate(Output).scalar_subquery()


def _corrections(until: ScalarSelect[int]) -> ScalarSelect[int]:
    """Corrections of this attempt and of those after it, before the one that was accepted."""
    later = aliased(Output)
    query = select(func.count(Correction.id)).join(later, later.id == Correction.output_id)
    standing = query.where(is_current(Correction), Correction.id.not_in(held("correction")))
    between = standing.where(later.item_id == Output.item_id, later.attempt >= Output.attempt, later.attempt < until)
    return between.correlate(Output).scalar_subquery()


def _lessons(vote: str | None = None) -> ScalarSelect[int]:
    """How many were in the prompt, or were voted so, without those that are retracted."""
    query = select(func.count(Retrieval.id)).join(Lesson, Lesson.id == Retrieval.lesson_id)
    query = query.where(Retrieval.output_id == Lookup.output_id, Lesson.status != LessonStatus.RETRACTED)
    if vote is not None:
        query = query.where(Retrieval.vote == vote)
    return query.correlate(Lookup).scalar_subquery()
