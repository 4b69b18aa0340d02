"""Lessons withdrawn with all that hangs on them."""

from __future__ import annotations

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from core.types import LessonStatus
from store import audit, vectors
from store.clock import now
from store.lessons.forms import change, locked
from store.tables import Correction, Export, Lesson, LessonParent, LessonSource, Retrieval
from store.text import clean


def retract(session: Session, lesson_id: int, user_id: int | None, why: str) -> list[int]:
    """Withdraw a lesson and all that drew on it, in this transaction; returns the ids of the lessons that were suspended.

    Its vector goes, and so do those of its corrections, which new exports leave out; exports that may hold them are marked
    stale; lessons made from it are suspended, however far down. Raises ``BadTransition`` when it is retracted already.
    """
    lesson = locked(
        session, lesson_id, LessonStatus.ACTIVE, LessonStatus.SUSPENDED, LessonStatus.PROPOSED, LessonStatus.REJECTED
    )
    why = _reason(why)
    lesson.valid_to = now()
    change(session, lesson, "lesson.retract", user_id, why, status=LessonStatus.RETRACTED.value)
    vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])
    corrections = select(LessonSource.correction_id).where(LessonSource.lesson_id == lesson_id)
    vectors.remove(session, lesson.project_id, "correction", "correction", list(session.scalars(corrections)))
    suspended = [child.id for child in _descendants(session, lesson_id) if _suspend(session, child, lesson, user_id)]
    stale = _exports_with(session, lesson)
    message = f"Lesson {lesson_id} was retracted: {why}"
    session.execute(update(Export).where(Export.id.in_(stale), Export.stale_why.is_(None)).values(stale_why=message))
    for export_id in stale:
        audit.record(session, "export.stale", "export", export_id, user_id=user_id, new={"why": message})
    session.flush()
    return suspended


def _reason(why: str) -> str:
    kept = clean(why).strip()
    if not kept:
        raise ValueError("say in a few words why it is withdrawn")
    return kept


def _descendants(session: Session, lesson_id: int) -> list[Lesson]:
    """Lessons made from this one, from those, and so on; locked."""
    seen: dict[int, Lesson] = {}
    level = [lesson_id]
    while level:
        query = (
            select(Lesson)
            .join(LessonParent, LessonParent.lesson_id == Lesson.id)
            .where(LessonParent.parent_id.in_(level))
            .order_by(Lesson.id)
            .with_for_update(of=Lesson)
            .execution_options(populate_existing=True)
        )
        found = {lesson.id: lesson for lesson in session.scalars(query) if lesson.id not in seen}
        found.pop(lesson_id, None)
        seen |= found
        level = list(found)
    return list(seen.values())


def _suspend(session: Session, child: Lesson, cause: Lesson, user_id: int | None) -> bool:
    if child.status not in (LessonStatus.ACTIVE, LessonStatus.PROPOSED):
        return False
    why = f"it was made from lesson {cause.id}, which was retracted"
    change(session, child, "lesson.suspend", user_id, why, status=LessonStatus.SUSPENDED.value)
    vectors.remove(session, child.project_id, child.kind, "lesson", [child.id])
    return True


def _exports_with(session: Session, lesson: Lesson) -> list[int]:
    """Exports of the project that may hold a correction the lesson drew on, or an answer that had it in its prompt.

    Those still being written are among them: they may have read it already.
    """
    written = (
        select(func.min(Correction.created_at))
        .join(LessonSource, LessonSource.correction_id == Correction.id)
        .where(LessonSource.lesson_id == lesson.id)
    )
    used = select(func.min(Retrieval.created_at)).where(Retrieval.lesson_id == lesson.id)
    moments = [moment for moment in (session.scalar(written), session.scalar(used)) if moment is not None]
    if not moments:
        return []
    query = select(Export.id).where(
        Export.project_id == lesson.project_id,
        or_(Export.finished_at.is_(None), Export.finished_at >= min(moments)),
        Export.stale_why.is_(None),
    )
    return list(session.scalars(query.order_by(Export.id)))
