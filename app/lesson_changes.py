"""What follows when a person decides on a lesson: the change in the store and the jobs that make it felt, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.types import JobPriority, LessonStatus
from store import exports, lessons, outputs
from store.tables import Lesson


@dataclass(frozen=True, slots=True)
class Retraction:
    """What a retraction reached: lessons suspended, exports marked stale, items whose lessons are distilled anew."""

    suspended: int
    stale: int
    redistilled: int

    def says(self) -> str:
        parts = ["Taken back: out of search and prompts as of now."]
        if self.suspended:
            parts.append(f"Suspended with it: {self.suspended} made from it.")
        if self.stale:
            parts.append(f"Exports marked stale: {self.stale}; they can no longer be downloaded.")
        if self.redistilled:
            parts.append(f"Items to be distilled anew: {self.redistilled}.")
        return " ".join(parts)


def accept(
    session: Session,
    lesson_id: int,
    user_id: int,
    *,
    text: str | None = None,
    applicability: str | None = None,
    kind: str | None = None,
) -> Lesson:
    """Make it active and have it embedded, without which it is never found. Raises ``store.lessons.BadTransition``."""
    lesson = lessons.accept(session, lesson_id, user_id, text=text, applicability=applicability, kind=kind)
    _embed(session, lesson, user_id)
    _probe(session, lesson, user_id)
    return lesson


def edit(session: Session, lesson_id: int, user_id: int, *, text: str, applicability: str, why: str) -> Lesson:
    """A new revision; an active lesson is embedded again. Raises ``store.lessons.BadTransition``, ``ValueError``."""
    lesson = lessons.edit(session, lesson_id, user_id, text=text, applicability=applicability, why=why)
    if lesson.status == LessonStatus.ACTIVE:
        _embed(session, lesson, user_id)
    _probe(session, lesson, user_id)
    return lesson


def retract(session: Session, lesson_id: int, user_id: int, why: str) -> Retraction:
    """Withdraw it with all that hangs on it; items behind suspended lessons are queued to be distilled anew.

    Raises ``store.lessons.BadTransition``, and ``ValueError`` without a reason.
    """
    from app.worker.jobs import enqueue

    project_id = lessons.get(session, lesson_id).project_id
    fresh = {export.id for export in exports.list_all(session, project_id, 1000) if not export.stale_why}
    suspended = lessons.retract(session, lesson_id, user_id, why)
    session.flush()
    stale = sum(1 for export in exports.list_all(session, project_id, 1000) if export.id in fresh and export.stale_why)
    items = {
        outputs.get(session, source.output_id).item_id
        for child in suspended
        for source in lessons.lineage(session, child).sources
    }
    for item_id in sorted(items):
        enqueue(
            session,
            "distil",
            {"item_id": item_id, "user_id": user_id},
            priority=JobPriority.NORMAL,
            dedupe_key=f"distil:{item_id}",
            project_id=project_id,
            user_id=user_id,
        )
    return Retraction(len(suspended), stale, len(items))


def embed_new(session: Session, project_id: int, lesson_ids: Sequence[int], user_id: int | None) -> None:
    """Have lessons that came as active embedded: one job for all of them."""
    if lesson_ids:
        _enqueue_embed(session, project_id, f"{lesson_ids[0]}:{len(lesson_ids)}:new", JobPriority.NORMAL, user_id)


def _embed(session: Session, lesson: Lesson, user_id: int) -> None:
    _enqueue_embed(session, lesson.project_id, f"{lesson.id}:{lesson.revision}", JobPriority.PERSON_WAITING, user_id)


def _enqueue_embed(session: Session, project_id: int, what: str, priority: JobPriority, user_id: int | None) -> None:
    from app.worker.jobs import enqueue

    enqueue(
        session,
        "embed",
        {"project_id": project_id},
        priority=priority,
        # not one key per project: an embed job that runs already may have passed this lesson by
        dedupe_key=f"embed:{project_id}:{what}",
        project_id=project_id,
        user_id=user_id,
    )


def _probe(session: Session, lesson: Lesson, user_id: int) -> None:
    """Let its edit suite be made for the new wording, and run where it is active."""
    from app.worker.waking import probe_lessons

    probe_lessons(session, lesson.project_id, [lesson.id], revision=lesson.revision, user_id=user_id)
