"""Lessons, corrections and reviews withdrawn together, with all that hangs on them, in one transaction.

A retraction row groups what went: its entries say what it holds. A correction or a review is withdrawn as long as any standing
retraction holds it. Lessons that also drew on what went are suspended at once; the job ``redistil`` looks what remains of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, or_, select, update
from sqlalchemy.orm import Session

from core.lessons.knowledge_base import FORMAT as KNOWLEDGE_BASE
from core.types import LessonStatus
from core.webhooks import Event
from store import audit, vectors, webhooks
from store.clock import now
from store.lessons.forms import change, locked
from store.lessons.selecting import Chosen, Filter, chosen, drawing_on, first_moment, remaining
from store.tables import Correction, Export, Lesson, LessonParent, Retraction, RetractionEntry, Retrieval
from store.text import clean
from store.withdrawn import parts

WITHDRAWABLE = (LessonStatus.ACTIVE, LessonStatus.SUSPENDED, LessonStatus.PROPOSED, LessonStatus.REJECTED)
STANDING = (LessonStatus.ACTIVE, LessonStatus.PROPOSED)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a retraction takes with it. ``suspended``: lesson id -> why; ``exports``: those that may hold any of it.

    ``outputs``: how many answers had one of the lessons in their prompt. ``newly_stale``: of the exports, those that were good.
    """

    chosen: Chosen
    suspended: Mapping[int, str] = field(default_factory=dict)
    exports: tuple[int, ...] = ()
    newly_stale: tuple[int, ...] = ()
    outputs: int = 0


def reach(session: Session, project_id: int, wanted: Filter) -> Reach:
    """What ``retract_many`` would do, without doing it. Raises as ``store.lessons.chosen`` does."""
    return _reach(session, project_id, chosen(session, project_id, wanted))


def retract(session: Session, lesson_id: int, user_id: int | None, why: str) -> list[int]:
    """Withdraw one lesson and the corrections it drew on; returns the ids of the lessons that were suspended with it.

    Its vector goes, and so do those of its corrections, which new exports leave out; exports that may hold them are marked
    stale; lessons made from it, however far down, and those that drew on the same corrections are suspended. Raises
    ``BadTransition`` when it is retracted already.
    """
    lesson = locked(session, lesson_id, *WITHDRAWABLE)
    _, found = retract_many(session, lesson.project_id, Filter(lesson_ids=(lesson_id,)), user_id, why)
    return list(found.suspended)


def retract_many(
    session: Session, project_id: int, wanted: Filter, user_id: int | None, why: str
) -> tuple[Retraction, Reach]:
    """Withdraw all that the filter finds, in this transaction. ``ValueError`` without a reason, or when nothing is found."""
    why = reason(why)
    found = _reach(session, project_id, chosen(session, project_id, wanted))
    rows = locked_rows(session, [*found.chosen.lessons, *found.suspended])
    _hold_corrections(session, found.chosen.corrections)
    found = _reach(session, project_id, chosen(session, project_id, wanted))  # again, now that nobody can change them
    if not (found.chosen.lessons or found.chosen.corrections or found.chosen.reviews):
        raise ValueError("nothing was found that could be taken back")
    row = Retraction(project_id=project_id, user_id=user_id, why=why, filter=wanted.state())
    session.add(row)
    session.flush()
    audit.record(session, "retraction.add", "retraction", row.id, user_id=user_id, new={"why": why, **wanted.state()})
    before = statuses_before(session, [*found.chosen.lessons, *found.suspended])
    rows |= locked_rows(session, [i for i in (*found.chosen.lessons, *found.suspended) if i not in rows])
    _enter(session, row.id, found, {i: before.get(i, rows[i].status) for i in rows})
    for lesson_id in found.chosen.lessons:
        _withdraw(session, rows[lesson_id], user_id, why)
    for lesson_id, because in found.suspended.items():
        change(session, rows[lesson_id], "lesson.suspend", user_id, because, status=LessonStatus.SUSPENDED.value)
    _remove_vectors(session, project_id, rows.values(), found.chosen.corrections)
    _mark_stale(session, found, user_id, why)
    session.flush()
    told = {"lessons": len(found.chosen.lessons), "corrections": len(found.chosen.corrections)}
    told |= {"reviews": len(found.chosen.reviews), "suspended": len(found.suspended)}
    webhooks.emit(session, Event.RETRACTION_MADE, project_id, retraction_id=row.id, **told)
    for export_id in found.newly_stale:
        webhooks.emit(session, Event.EXPORT_STALE, project_id, export_id=export_id)
    return row, found


def _withdraw(session: Session, lesson: Lesson, user_id: int | None, why: str) -> None:
    if lesson.status != LessonStatus.RETRACTED:
        lesson.valid_to = now()
        change(session, lesson, "lesson.retract", user_id, why, status=LessonStatus.RETRACTED.value)


def reason(why: str) -> str:
    kept = clean(why).strip()
    if not kept:
        raise ValueError("say in a few words why it is withdrawn")
    return kept


def locked_rows(session: Session, ids: Iterable[int]) -> dict[int, Lesson]:
    found: dict[int, Lesson] = {}
    for part in parts(sorted(set(ids))):
        query = select(Lesson).where(Lesson.id.in_(part)).order_by(Lesson.id).with_for_update()
        found |= {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}
    return found


def _hold_corrections(session: Session, ids: list[int]) -> None:
    """Who embeds one at this moment is waited for, so that its vector is there to be removed."""
    for part in parts(ids):
        query = select(Correction.id).where(Correction.id.in_(part)).order_by(Correction.id)
        session.execute(query.with_for_update(key_share=True))


def _reach(session: Session, project_id: int, found: Chosen) -> Reach:
    suspended = _suspended(session, found)
    exports = _exports_with(session, project_id, found, [*found.lessons, *suspended])
    return Reach(
        found,
        suspended,
        tuple(export_id for export_id, _ in exports),
        tuple(export_id for export_id, stale in exports if not stale),
        _prompted(session, found.lessons),
    )


def _suspended(session: Session, found: Chosen) -> dict[int, str]:
    """Lessons to look at again, with why: those that drew on a correction that goes, and what was made from lessons."""
    taken = set(found.lessons)
    sharing = _standing(session, drawing_on(session, found.corrections) - taken)
    left = remaining(session, sharing, found.corrections)
    why = {}
    for lesson_id in sharing:
        n = len(left.get(lesson_id, ()))
        rest = f"{n} more remain, from which it is distilled anew" if n else "nothing that it rests on remains"
        why[lesson_id] = f"a correction that it drew on was taken back; {rest}"
    return _made_from(session, taken | set(sharing), taken) | why


def _standing(session: Session, ids: Collection[int]) -> list[int]:
    found: list[int] = []
    for part in parts(sorted(ids)):
        found += session.scalars(
            select(Lesson.id).where(Lesson.id.in_(part), Lesson.status.in_(STANDING)).order_by(Lesson.id)
        )
    return found


def _made_from(session: Session, ids: Collection[int], taken: Collection[int]) -> dict[int, str]:
    """Lessons made from these, from those, and so on, with the one that each was made from."""
    seen: dict[int, int] = {}
    level = set(ids)
    while level:
        found: dict[int, int] = {}
        for part in parts(sorted(level)):
            query = select(LessonParent.lesson_id, LessonParent.parent_id).where(LessonParent.parent_id.in_(part))
            for child, parent in session.execute(query.order_by(LessonParent.lesson_id)):
                if child not in seen and child not in ids:
                    found.setdefault(child, parent)
        seen |= found
        level = set(found)
    standing = set(_standing(session, set(seen) - set(taken)))
    return {
        child: f"it was made from lesson {parent}, which was {'retracted' if parent in taken else 'suspended'}"
        for child, parent in seen.items()
        if child in standing
    }


def statuses_before(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Of lessons that standing retractions hold: the status before the first of them."""
    found: dict[int, str] = {}
    for part in parts(sorted(set(ids))):
        query = (
            select(RetractionEntry.owner_id, RetractionEntry.status_before)
            .join(Retraction, Retraction.id == RetractionEntry.retraction_id)
            .where(RetractionEntry.kind.in_(("lesson", "suspended")), RetractionEntry.owner_id.in_(part))
            .where(RetractionEntry.status_before.is_not(None), Retraction.undone_at.is_(None))
            .order_by(RetractionEntry.retraction_id)
        )
        for owner, status in session.execute(query):
            found.setdefault(owner, str(status))
    return found


def _enter(session: Session, retraction_id: int, found: Reach, before: Mapping[int, str]) -> None:
    """The entries of a retraction, one for each thing that it holds."""
    owners = {
        "lesson": found.chosen.lessons,
        "suspended": list(found.suspended),
        "correction": found.chosen.corrections,
        "review": found.chosen.reviews,
        "export": found.exports,
    }
    session.add_all(
        RetractionEntry(
            retraction_id=retraction_id,
            kind=kind,
            owner_id=owner,
            status_before=before[owner] if kind in {"lesson", "suspended"} else None,
        )
        for kind, ids in owners.items()
        for owner in ids
    )


def _remove_vectors(session: Session, project_id: int, rows: Iterable[Lesson], corrections: list[int]) -> None:
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.id)
    for kind, ids in sorted(by_kind.items()):
        for part in parts(ids):
            vectors.remove(session, project_id, kind, "lesson", part)
    for part in parts(corrections):
        vectors.remove(session, project_id, "correction", "correction", part)


def _mark_stale(session: Session, found: Reach, user_id: int | None, why: str) -> None:
    message = stale_message(found.chosen, why)
    for part in parts(found.newly_stale):
        session.execute(update(Export).where(Export.id.in_(part), Export.stale_why.is_(None)).values(stale_why=message))
    for export_id in found.newly_stale:
        audit.record(session, "export.stale", "export", export_id, user_id=user_id, new={"why": message})


def stale_message(found: Chosen, why: str) -> str:
    """What stands beside an export that may hold what was taken back."""
    if len(found.lessons) == 1:
        return f"Lesson {found.lessons[0]} was retracted: {why}"
    return f"{len(found.lessons)} lessons and {len(found.corrections)} corrections were taken back: {why}"


def _exports_with(session: Session, project_id: int, found: Chosen, gone: Collection[int]) -> list[tuple[int, bool]]:
    """Exports of the project that may hold a correction or review that goes, or an answer that had such a lesson in its prompt;
    knowledge bases that may hold one of the lessons ``gone``, whatever came of it.

    Each with whether it is stale already. Those still being written are among them: they may have read it already.
    """
    used, made = [first_moment(session, found)], []
    for part in parts(found.lessons):
        used.append(session.scalar(select(func.min(Retrieval.created_at)).where(Retrieval.lesson_id.in_(part))))
    for part in parts(sorted(gone)):
        made.append(session.scalar(select(func.min(Lesson.created_at)).where(Lesson.id.in_(part))))
    since = [_written_since(used), and_(Export.format == KNOWLEDGE_BASE, _written_since(made))]
    query = select(Export.id, Export.stale_why.is_not(None)).where(Export.project_id == project_id, or_(*since))
    return [(export_id, bool(stale)) for export_id, stale in session.execute(query.order_by(Export.id))]


def _written_since(moments: Iterable[datetime | None]) -> ColumnElement[bool]:
    """Exports that were not finished before the first of these moments; none where there is no moment."""
    known = [moment for moment in moments if moment is not None]
    return or_(Export.finished_at.is_(None), Export.finished_at >= min(known)) if known else false()


def _prompted(session: Session, lesson_ids: Collection[int]) -> int:
    """How many answers had one of these lessons in their prompt."""
    found: set[int] = set()
    for part in parts(sorted(lesson_ids)):
        found |= set(session.scalars(select(Retrieval.output_id).where(Retrieval.lesson_id.in_(part)).distinct()))
    return len(found)
