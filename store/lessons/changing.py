"""What a person decides about one lesson: accept, reject, edit."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.types import LessonKind, LessonStatus
from store import vectors
from store.clock import now
from store.lessons.forms import change, locked, wording
from store.tables import Lesson


def accept(
    session: Session,
    lesson_id: int,
    user_id: int,
    *,
    text: str | None = None,
    applicability: str | None = None,
    kind: str | None = None,
) -> Lesson:
    """Make a proposed or suspended lesson active, with the person's wording if they changed it. Raises ``BadTransition``.

    It is retrieved once its vector is there (``store.vectors.missing``).
    """
    lesson = locked(session, lesson_id, LessonStatus.PROPOSED, LessonStatus.SUSPENDED)
    lesson.valid_from, lesson.valid_to = now(), None
    change(
        session,
        lesson,
        "lesson.accept",
        user_id,
        status=LessonStatus.ACTIVE.value,
        text=wording(text) if text is not None else None,
        applicability=wording(applicability) if applicability is not None else None,
        kind=LessonKind(kind).value if kind is not None else None,
    )
    session.flush()
    return lesson


def reject(session: Session, lesson_id: int, user_id: int, why: str = "") -> Lesson:
    """Turn a proposed lesson down. Raises ``BadTransition``."""
    lesson = locked(session, lesson_id, LessonStatus.PROPOSED)
    change(session, lesson, "lesson.reject", user_id, why, status=LessonStatus.REJECTED.value)
    session.flush()
    return lesson


def edit(
    session: Session,
    lesson_id: int,
    user_id: int,
    *,
    text: str | None = None,
    applicability: str | None = None,
    why: str = "",
) -> Lesson:
    """A new revision of a proposed, active or suspended lesson. A changed applicability is out of search until it is embedded anew."""
    lesson = locked(session, lesson_id, LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)
    before = lesson.applicability
    change(
        session,
        lesson,
        "lesson.edit",
        user_id,
        why,
        text=wording(text) if text is not None else None,
        applicability=wording(applicability) if applicability is not None else None,
    )
    session.flush()
    if lesson.applicability != before:
        vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])
    return lesson
