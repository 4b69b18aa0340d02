"""By hand: several lessons into one, one into several, and a contradiction settled. What is superseded is suspended, never deleted.

Who supersedes carries ``extra["replaces"]``: [[lesson, the status that it had], ...], from which it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.lessons.relations import Relation
from core.types import LessonDraft, LessonKind, LessonStatus
from store import audit, lessons, vectors
from store.clock import now
from store.lessons.forms import change, keep_revision, locked
from store.tables import Lesson, LessonParent, LessonSource

OPEN = (LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)
FEWEST, MOST = 2, 20


def merge(
    session: Session, lesson_ids: Sequence[int], user_id: int, *, kind: str, text: str, applicability: str
) -> Lesson:
    """One new lesson with all their sources, whose parents they are and which supersedes them; active if one of them was.

    Raises ``ValueError``, and ``store.lessons.BadTransition`` for one that is rejected or retracted.
    """
    ids = sorted(set(lesson_ids))
    if not FEWEST <= len(ids) <= MOST:
        raise ValueError(f"choose {FEWEST} to {MOST} lessons to merge")
    old = [locked(session, id_, *OPEN) for id_ in ids]
    if len({lesson.project_id for lesson in old}) > 1:
        raise ValueError("lessons of different projects cannot be merged")
    new = _made(session, old, user_id, kind, text, applicability, "merged by hand from " + _named(ids))
    _supersede(session, old, user_id, f"merged into lesson {new.id}")
    return new


def split(session: Session, lesson_id: int, user_id: int, *, texts: Sequence[str], applicability: str) -> list[Lesson]:
    """A new lesson per text, each with all sources of the one, whose parent it is and which they supersede together.

    Raises as ``merge`` does.
    """
    old = locked(session, lesson_id, *OPEN)
    if not FEWEST <= len(texts) <= MOST:
        raise ValueError(f"write {FEWEST} to {MOST} lessons, with an empty line between them")
    new = [
        _made(session, [old], user_id, old.kind, text, applicability, f"split by hand from lesson {old.id}")
        for text in texts
    ]
    _supersede(session, [old], user_id, "split into " + _named([lesson.id for lesson in new]))
    return new


def undo(session: Session, lesson_id: int, user_id: int) -> tuple[list[int], list[int]]:
    """Take a merge or a split back: what was superseded has the status again that it had, what superseded it is suspended.

    Returns the ids of both. Nothing is retracted, so corrections stay in exports. Raises ``ValueError`` where nothing can be undone.
    """
    lesson = locked(session, lesson_id, *OPEN)
    replaced = lesson.extra.get("replaces") or []
    if not replaced:
        raise ValueError("this lesson supersedes none")
    parent_ids = [int(id_) for id_, _ in replaced]
    siblings = select(Lesson).join(LessonParent, LessonParent.lesson_id == Lesson.id)
    query = (
        siblings.where(LessonParent.parent_id.in_(parent_ids), Lesson.status.in_(OPEN)).order_by(Lesson.id).distinct()
    )
    made = [locked(session, one.id, *OPEN) for one in session.scalars(query) if one.extra.get("replaces") == replaced]
    back = [
        (locked(session, id_, *LessonStatus), status)
        for id_, status in zip(parent_ids, [s for _, s in replaced], strict=True)
    ]
    again = [(one, status) for one, status in back if one.status == LessonStatus.SUSPENDED]
    _supersede(session, made, user_id, "undone: " + _named([one.id for one, _ in again]) + " stands again")
    for one, status in again:
        _restore(session, one, str(status), user_id, f"what superseded it was undone ({_named([m.id for m in made])})")
    for one in made:
        one.extra = {name: value for name, value in one.extra.items() if name != "replaces"}
    session.flush()
    return [one.id for one, _ in again], [one.id for one in made]


def _restore(session: Session, lesson: Lesson, status: str, user_id: int, why: str) -> None:
    if status == LessonStatus.ACTIVE:
        lesson.valid_from, lesson.valid_to = now(), None
    change(session, lesson, "lesson.restore", user_id, why, status=status)


def _made(
    session: Session, old: Sequence[Lesson], user_id: int, kind: str, text: str, applicability: str, why: str
) -> Lesson:
    ids = [lesson.id for lesson in old]
    sources = session.scalars(select(LessonSource.correction_id).where(LessonSource.lesson_id.in_(ids)).distinct())
    like = next((lesson for lesson in old if lesson.kind == kind), None)
    extra: dict[str, Any] = {}
    if like is not None:
        extra = {
            name: value
            for name, value in like.extra.items()
            if name not in ("related", "settled", "imported", "replaces")
        }
    draft = LessonDraft(
        LessonKind(kind),
        text,
        applicability,
        tuple(sources),
        like.name if like is not None else None,
        why=why,
        extra={**extra, "replaces": [[lesson.id, lesson.status] for lesson in old]},
    )
    (new_id,) = lessons.propose(session, old[0].project_id, [draft], author_id=user_id, parents=ids)
    if any(lesson.status == LessonStatus.ACTIVE for lesson in old):
        return lessons.accept(session, new_id, user_id)
    return lessons.get(session, new_id)


def _supersede(session: Session, old: Sequence[Lesson], user_id: int, why: str) -> None:
    for lesson in old:
        change(session, lesson, "lesson.suspend", user_id, why, status=LessonStatus.SUSPENDED.value)
        vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])


def _named(ids: Sequence[int]) -> str:
    return ("lesson " if len(ids) == 1 else "lessons ") + ", ".join(str(id_) for id_ in ids)


def set_kind(session: Session, lesson_id: int, user_id: int, kind: str) -> bool:
    """Whether it was another kind before. An active lesson is out of search until it is embedded anew. Raises as ``merge`` does."""
    lesson = locked(session, lesson_id, *OPEN)
    wanted = LessonKind(kind)
    if lesson.kind == wanted:
        return False
    vectors.remove(session, lesson.project_id, lesson.kind, "lesson", [lesson.id])
    change(session, lesson, "lesson.kind", user_id, f"the kind was {lesson.kind.replace('_', ' ')}", kind=wanted.value)
    return True


def contradictions(session: Session, lesson: Lesson) -> list[Lesson]:
    """Those that it was found to contradict and that nobody has settled yet, as far as they are in use or to be decided."""
    ids = [int(id_) for id_, how in lesson.extra.get("related", ()) if how == Relation.CONTRADICTS]
    there = session.scalars(select(Lesson).where(Lesson.id.in_(ids), Lesson.project_id == lesson.project_id))
    return [other for other in there if other.status in (LessonStatus.PROPOSED, LessonStatus.ACTIVE)]


def settle(session: Session, lesson_id: int, other_id: int, user_id: int, keep: str) -> str:
    """Decide between two that contradict each other: ``keep`` is this, other or both. What is kept and was proposed becomes active.

    Returns what was done in words. Raises ``ValueError``, ``store.lessons.BadTransition``.
    """
    lesson, other = locked(session, lesson_id, *OPEN), locked(session, other_id, *OPEN)
    if [other_id, Relation.CONTRADICTS.value] not in [list(one) for one in lesson.extra.get("related", ())]:
        raise ValueError(f"lesson {lesson_id} is not noted as contradicting lesson {other_id}")
    kept = {"this": [lesson], "other": [other], "both": [lesson, other]}.get(keep)
    if kept is None:
        raise ValueError("keep this one, the other, or both")
    related = [list(one) for one in lesson.extra["related"] if list(one) != [other_id, Relation.CONTRADICTS.value]]
    lesson.extra = {**lesson.extra, "related": related, "settled": [*lesson.extra.get("settled", ()), [other_id, keep]]}
    if not related:
        lesson.extra = {name: value for name, value in lesson.extra.items() if name != "related"}
    for one, against in ((lesson, other), (other, lesson)):
        why = f"contradicts lesson {against.id}"
        if one in kept:
            if one.status == LessonStatus.PROPOSED:
                lessons.accept(session, one.id, user_id)
            _note(session, one, user_id, f"{why}; {'both were kept' if keep == 'both' else 'this one was kept'}")
        elif one.status == LessonStatus.PROPOSED:
            lessons.reject(session, one.id, user_id, f"{why}, which was kept")
        else:
            _supersede(session, [one], user_id, f"{why}, which was kept")
    return "Both stand." if keep == "both" else f"Lesson {kept[0].id} stands."


def _note(session: Session, lesson: Lesson, user_id: int, why: str) -> None:
    """A revision that changes no word: what a person decided about the lesson."""
    lesson.revision += 1
    lesson.updated_at = now()
    keep_revision(session, lesson, user_id, why)
    audit.record(session, "lesson.settle", "lesson", lesson.id, user_id=user_id, new={"why": why})
