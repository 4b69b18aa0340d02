"""What follows when a person decides on a lesson: the change in the store and the jobs that make it felt, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.view.languages import _
from core.types import JobPriority, LessonDraft, LessonStatus
from store import lesson_merging, lessons, relabelling
from store.lessons import Filter, Undone
from store.tables import Lesson


@dataclass(frozen=True, slots=True)
class Retracted:
    """What a retraction reached: its number, and how much of each."""

    id: int
    lessons: int
    corrections: int
    reviews: int
    suspended: int
    stale: int

    def says(self) -> str:
        parts = [_("Taken back: out of search and prompts as of now.")]
        if self.lessons != 1:
            parts.append(
                _("Lessons: {lessons}; corrections: {corrections}.").format(
                    lessons=self.lessons, corrections=self.corrections
                )
            )
        if self.reviews:
            parts.append(_("Reviews that count no more: {reviews}.").format(reviews=self.reviews))
        if self.suspended:
            parts.append(
                _("Suspended, and distilled anew from what remains: {suspended}.").format(suspended=self.suspended)
            )
        if self.stale:
            parts.append(_("Exports marked stale: {stale}; they can no longer be downloaded.").format(stale=self.stale))
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


def propose(session: Session, project_id: int, draft: LessonDraft, user_id: int) -> Lesson:
    """What a person or a program says can be learned; it waits for an expert. Raises ``ValueError``."""
    (lesson_id,) = lessons.propose(session, project_id, [draft], author_id=user_id)
    lesson = lessons.get(session, lesson_id)
    _probe(session, lesson, user_id)
    return lesson


def set_kind(session: Session, lesson_id: int, user_id: int, kind: str) -> Lesson:
    """Another kind; an active lesson is embedded again. Raises ``ValueError`` where it has it already."""
    if not lesson_merging.set_kind(session, lesson_id, user_id, kind):
        raise ValueError("it has this kind already")
    lesson = lessons.get(session, lesson_id)
    if lesson.status == LessonStatus.ACTIVE:
        embed_new(session, lesson.project_id, [lesson_id, lesson.revision], user_id)
    return lesson


def merge(
    session: Session, lesson_ids: Sequence[int], user_id: int, *, kind: str, text: str, applicability: str
) -> Lesson:
    """One instead of several. Raises as ``store.lesson_merging.merge`` does."""
    new = lesson_merging.merge(session, lesson_ids, user_id, kind=kind, text=text, applicability=applicability)
    _embed_made(session, [new], user_id)
    return new


def split(session: Session, lesson_id: int, user_id: int, *, texts: Sequence[str], applicability: str) -> list[Lesson]:
    """Several instead of one. Raises as ``store.lesson_merging.split`` does."""
    made = lesson_merging.split(session, lesson_id, user_id, texts=texts, applicability=applicability)
    _embed_made(session, made, user_id)
    return made


def unmerge(session: Session, lesson_id: int, user_id: int) -> tuple[list[int], list[int]]:
    """What stands again, and what superseded it. Raises ``ValueError``."""
    again, gone = lesson_merging.undo(session, lesson_id, user_id)
    _embed_changed(session, again, user_id)
    return again, gone


def settle(session: Session, lesson_id: int, other_id: int, user_id: int, keep: str) -> str:
    """Decide a contradiction; what was done in words. Raises as ``store.lesson_merging.settle`` does."""
    said = lesson_merging.settle(session, lesson_id, other_id, user_id, keep)
    _embed_changed(session, [lesson_id, other_id], user_id)
    return said


def _embed_made(session: Session, made: Sequence[Lesson], user_id: int) -> None:
    active = [one.id for one in made if one.status == LessonStatus.ACTIVE]
    embed_new(session, made[0].project_id, active, user_id)


def _embed_changed(session: Session, ids: Sequence[int], user_id: int) -> None:
    if ids:
        lesson = lessons.get(session, ids[0])
        embed_new(session, lesson.project_id, [lesson.id, *ids[1:], lesson.revision], user_id)


def retract(session: Session, lesson_id: int, user_id: int, why: str) -> Retracted:
    """Withdraw one lesson with all that hangs on it. Raises ``store.lessons.BadTransition``, and ``ValueError`` without a reason."""
    lesson = lessons.get(session, lesson_id)
    if lesson.status == LessonStatus.RETRACTED:
        raise lessons.BadTransition("this lesson is retracted by now: reload the page to see it as it stands")
    return retract_many(session, lesson.project_id, Filter(lesson_ids=(lesson_id,)), user_id, why)


def retract_many(session: Session, project_id: int, wanted: Filter, user_id: int, why: str) -> Retracted:
    """Withdraw what the filter finds; what else rested on it is distilled anew, and heads that learned from it get candidates.

    Raises as ``store.lessons.retract_many`` does.
    """
    row, found = lessons.retract_many(session, project_id, wanted, user_id, why)
    if found.suspended:
        _enqueue(session, "redistil", project_id, user_id, {"retraction_id": row.id, "user_id": user_id}, str(row.id))
    if found.chosen.reviews:
        wake_unlearning(session, project_id, row.id, user_id)
    return Retracted(
        row.id,
        len(found.chosen.lessons),
        len(found.chosen.corrections),
        len(found.chosen.reviews),
        len(found.suspended),
        len(found.newly_stale),
    )


def wake_unlearning(session: Session, project_id: int, retraction_id: int, user_id: int) -> None:
    """Let a worker offer heads that did not learn from what was withdrawn; none comes into force by itself."""
    payload = {"project_id": project_id, "retraction_id": retraction_id}
    _enqueue(session, "unlearn", project_id, user_id, payload, str(retraction_id))


def undo(session: Session, retraction_id: int, user_id: int, why: str) -> Undone:
    """Roll a retraction back, and have what is there again embedded. Raises as ``store.lessons.undo`` does."""
    found = lessons.undo(session, retraction_id, user_id, why)
    project_id = lessons.get_retraction(session, retraction_id).project_id
    _enqueue(session, "embed", project_id, user_id, {"project_id": project_id}, f"{project_id}:undo:{retraction_id}")
    return found


def relabel(session: Session, project_id: int, retraction_id: int, user_id: int, why: str) -> int:
    """Exchange two labels in what a retraction holds, and have lessons distilled from the new ones; how many items are concerned.

    Raises as ``store.relabelling.relabel`` does.
    """
    item_ids = relabelling.relabel(session, project_id, retraction_id, user_id, why)
    for item_id in item_ids:
        payload = {"item_id": item_id, "user_id": user_id}
        _enqueue(session, "distil", project_id, user_id, payload, f"relabel:{retraction_id}:{item_id}")
    return len(item_ids)


def unlabel(session: Session, project_id: int, retraction_id: int, user_id: int, why: str) -> Retracted:
    """Take the exchanged labels back, by a retraction of their own. Raises as ``store.lessons.retract_many`` does."""
    return retract_many(session, project_id, relabelling.takes_back(session, retraction_id), user_id, why)


def embed_new(session: Session, project_id: int, lesson_ids: Sequence[int], user_id: int | None) -> None:
    """Have lessons that came as active embedded: one job for all of them."""
    if lesson_ids:
        key = f"{project_id}:{lesson_ids[0]}:{len(lesson_ids)}:new"
        _enqueue(session, "embed", project_id, user_id, {"project_id": project_id}, key, JobPriority.NORMAL)


def _embed(session: Session, lesson: Lesson, user_id: int) -> None:
    # not one key per project: an embed job that runs already may have passed this lesson by
    key = f"{lesson.project_id}:{lesson.id}:{lesson.revision}"
    payload = {"project_id": lesson.project_id}
    _enqueue(session, "embed", lesson.project_id, user_id, payload, key, JobPriority.PERSON_WAITING)


def _enqueue(
    session: Session,
    kind: str,
    project_id: int,
    user_id: int | None,
    payload: dict[str, Any],
    key: str,
    priority: JobPriority = JobPriority.NORMAL,
) -> None:
    from app.worker.jobs import enqueue

    enqueue(
        session,
        kind,
        payload,
        priority=priority,
        dedupe_key=f"{kind}:{key}",
        project_id=project_id,
        user_id=user_id,
    )


def _probe(session: Session, lesson: Lesson, user_id: int) -> None:
    """Let its edit suite be made for the new wording, and run where it is active."""
    from app.worker.waking import probe_lessons

    probe_lessons(session, lesson.project_id, [lesson.id], revision=lesson.revision, user_id=user_id)
