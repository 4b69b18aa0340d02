"""Lessons as a distiller proposes them, and further corrections that say what a lesson says already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import LessonDraft, LessonKind
from core.webhooks import Event
from store import audit, webhooks
from store.lessons.forms import keep_revision, wording
from store.lessons.reading import by_effect
from store.tables import Lesson, LessonParent, LessonSource
from store.text import clean


def propose(
    session: Session,
    project_id: int,
    drafts: Sequence[LessonDraft],
    *,
    author_id: int | None,
    effect_key: str | None = None,
    parents: Iterable[int] = (),
) -> list[int]:
    """Keep what a distiller proposes; returns the ids in order. Proposing again under one effect key returns the first ids."""
    ids = []
    for number, draft in enumerate(drafts):
        key = f"{effect_key}:{number}" if effect_key is not None else None
        known = by_effect(session, key) if key is not None else None
        ids.append(known or _new(session, project_id, draft, author_id=author_id, key=key, parents=parents).id)
    return ids


def _new(
    session: Session,
    project_id: int,
    draft: LessonDraft,
    *,
    author_id: int | None,
    key: str | None,
    parents: Iterable[int],
) -> Lesson:
    lesson = Lesson(
        project_id=project_id,
        kind=LessonKind(draft.kind).value,
        name=draft.name,
        text=wording(draft.text),
        applicability=wording(draft.applicability),
        why=clean(draft.why),
        extra=clean(dict(draft.extra)),
        author_id=author_id,
        effect_key=key,
    )
    session.add(lesson)
    session.flush()
    session.add_all(LessonSource(lesson_id=lesson.id, correction_id=id_) for id_ in set(draft.source_corrections))
    session.add_all(LessonParent(lesson_id=lesson.id, parent_id=id_) for id_ in set(parents))
    keep_revision(session, lesson, author_id, draft.why)
    audit.record(session, "lesson.propose", "lesson", lesson.id, user_id=author_id, new={"kind": lesson.kind})
    session.flush()
    webhooks.emit(session, Event.LESSON_PROPOSED, project_id, lesson_id=lesson.id, kind=lesson.kind)
    return lesson


def support(session: Session, lesson_id: int, corrections: Iterable[int], user_id: int | None) -> None:
    """Further corrections say what this lesson says already: they become its sources too."""
    known = set(session.scalars(select(LessonSource.correction_id).where(LessonSource.lesson_id == lesson_id)))
    new = sorted(set(corrections) - known)
    if new:
        session.add_all(LessonSource(lesson_id=lesson_id, correction_id=id_) for id_ in new)
        audit.record(session, "lesson.support", "lesson", lesson_id, user_id=user_id, new={"corrections": new})
        session.flush()
