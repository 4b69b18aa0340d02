"""Proposals to retire a lesson: the program says why with figures, a person confirms or dismisses.

A dismissal is remembered: the same lesson is proposed again only once ``FEWEST`` further changed answers or votes say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.reports.lesson_effect import FEWEST, Retire, why_retire
from core.types import LessonStatus
from store import audit, lesson_trials
from store.clock import now
from store.tables import Lesson, LessonProposal

RETIRABLE = (LessonStatus.ACTIVE, LessonStatus.SUSPENDED)


class Decided(ValueError):
    """Somebody was faster, or the figures changed: the proposal is not open any more."""


def renew(session: Session, lesson_ids: Iterable[int]) -> list[int]:
    """Look at what is known of these lessons now: propose, or take back an open proposal that the figures no longer bear out.

    Returns the ids of the lessons that are newly proposed. The author is the program.
    """
    new = []
    for lesson_id in sorted(set(lesson_ids)):
        lesson = session.get(Lesson, lesson_id, populate_existing=True)
        if lesson is None or lesson.status != LessonStatus.ACTIVE:
            continue
        why = why_retire(lesson_trials.effect_of(session, lesson), lesson.used, lesson.not_relevant)
        open_one = session.scalar(_open(lesson_id).with_for_update())
        if open_one is not None:
            _follow(session, open_one, why)
        elif why is not None and why.evidence >= _needed(session, lesson_id) and _propose(session, lesson_id, why):
            new.append(lesson_id)
    return new


def _open(lesson_id: int) -> Select[LessonProposal]:
    return select(LessonProposal).where(LessonProposal.lesson_id == lesson_id, LessonProposal.state == "open")


def _follow(session: Session, row: LessonProposal, why: Retire | None) -> None:
    if why is None:
        row.state, row.decided_at = "withdrawn", now()
        audit.record(session, "proposal.withdraw", "lesson", row.lesson_id, user_id=None, old={"reason": row.reason})
    else:
        row.reason, row.figures, row.evidence = why.reason, dict(why.figures), why.evidence
    session.flush()


def _needed(session: Session, lesson_id: int) -> int:
    """How much evidence a new proposal needs after those that were dismissed."""
    query = select(func.max(LessonProposal.evidence)).where(
        LessonProposal.lesson_id == lesson_id, LessonProposal.state == "dismissed"
    )
    before = session.scalar(query)
    return 0 if before is None else before + FEWEST


def _propose(session: Session, lesson_id: int, why: Retire) -> bool:
    row = LessonProposal(lesson_id=lesson_id, reason=why.reason, figures=dict(why.figures), evidence=why.evidence)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another worker proposed it at this moment
        return False
    audit.record(session, "proposal.retire", "lesson", lesson_id, user_id=None, new={"reason": why.reason})
    return True


def proposals(session: Session, project_id: int) -> Sequence[LessonProposal]:
    """Open ones for lessons that are still there to be retired, oldest first: part of the inbox."""
    query = (
        select(LessonProposal)
        .join(Lesson, Lesson.id == LessonProposal.lesson_id)
        .where(Lesson.project_id == project_id, Lesson.status.in_(RETIRABLE), LessonProposal.state == "open")
    )
    return session.scalars(query.order_by(LessonProposal.id)).all()


def of_lesson(session: Session, lesson_id: int) -> Sequence[LessonProposal]:
    """Every proposal for a lesson, newest first."""
    query = select(LessonProposal).where(LessonProposal.lesson_id == lesson_id)
    return session.scalars(query.order_by(LessonProposal.id.desc())).all()


def decide(session: Session, proposal_id: int, user_id: int, *, confirmed: bool) -> LessonProposal:
    """Close an open proposal; retracting the lesson is the caller's. Raises ``LookupError``, ``Decided``."""
    row = session.get(LessonProposal, proposal_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(f"there is no proposal {proposal_id}")
    if row.state != "open":
        raise Decided(f"this proposal is {row.state} by now: reload the page")
    row.state, row.decided_by, row.decided_at = "confirmed" if confirmed else "dismissed", user_id, now()
    session.flush()
    action = "proposal.confirm" if confirmed else "proposal.dismiss"
    audit.record(session, action, "lesson", row.lesson_id, user_id=user_id, new={"reason": row.reason})
    return row
