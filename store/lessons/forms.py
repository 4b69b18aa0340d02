"""The forms of a lesson: the row is the present one, and every form it ever had is a ``LessonRevision``."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from core.types import LessonStatus
from core.webhooks import Event
from store import audit, webhooks
from store.clock import now
from store.tables import Lesson, LessonRevision
from store.text import clean

_EVENTS = {
    LessonStatus.ACTIVE.value: Event.LESSON_ACCEPTED,
    LessonStatus.REJECTED.value: Event.LESSON_REJECTED,
    LessonStatus.SUSPENDED.value: Event.LESSON_SUSPENDED,
    LessonStatus.RETRACTED.value: Event.LESSON_RETIRED,
}


class BadTransition(ValueError):
    """A lesson cannot go from its present status to the one asked for."""


def wording(text: str) -> str:
    kept = clean(text).strip()
    if not kept:
        raise ValueError("a lesson says something, and says when it applies")
    return kept


def keep_revision(session: Session, lesson: Lesson, author_id: int | None, why: str) -> None:
    session.add(
        LessonRevision(
            lesson_id=lesson.id,
            revision=lesson.revision,
            text=lesson.text,
            applicability=lesson.applicability,
            status=lesson.status,
            author_id=author_id,
            why=clean(why),
        )
    )


def locked(session: Session, lesson_id: int, *allowed: LessonStatus) -> Lesson:
    lesson = session.get(Lesson, lesson_id, with_for_update=True, populate_existing=True)
    if lesson is None:
        raise LookupError(f"there is no lesson {lesson_id}")
    if lesson.status not in allowed:
        raise BadTransition(f"this lesson is {lesson.status} by now: reload the page to see it as it stands")
    return lesson


def change(
    session: Session, lesson: Lesson, action: str, user_id: int | None, why: str = "", **changes: str | None
) -> None:
    """Give a lesson a new form: row, revision and audit together, written with the next flush."""
    changed = {name: value for name, value in changes.items() if value is not None and value != getattr(lesson, name)}
    if not changed:
        return
    old = {name: getattr(lesson, name) for name in changed}
    for name, value in changed.items():
        setattr(lesson, name, value)
    lesson.revision += 1
    lesson.updated_at = now()
    keep_revision(session, lesson, user_id, why)
    new: dict[str, Any] = {**changed, "why": why} if why else dict(changed)
    audit.record(session, action, "lesson", lesson.id, user_id=user_id, old=old, new=new)
    if (event := _EVENTS.get(changed.get("status", ""))) is not None:
        told = {"lesson_id": lesson.id, "kind": lesson.kind, "revision": lesson.revision}
        webhooks.emit(session, event, lesson.project_id, **told)
