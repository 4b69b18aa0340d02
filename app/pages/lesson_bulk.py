"""One action on many lessons. Each is judged by itself, in a transaction of its own; what was not possible is told with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import lesson_changes
from app.view.languages import N_, _, of_error
from app.view.render import count
from app.view.words import words
from core.types import LessonKind
from store import lessons
from store.engine import Database

MOST = 200
DONE = {
    "bulk-accept": N_("{done} of {lessons} accepted."),
    "bulk-reject": N_("{done} of {lessons} rejected."),
    "bulk-kind": N_("{done} of {lessons} given the kind {kind}."),
}


def ids_of(given: object) -> list[int]:
    """Ids that the browser sent, each once; what is no number is dropped."""
    parts = [part for part in str(given or "").split(",") if part.isascii() and part.isdigit()]
    return list(dict.fromkeys(int(part[:18]) for part in parts))[:MOST]


def act(db: Database, action: str, project_id: int, ids: Sequence[int], user_id: int, kind: str = "") -> str:
    """Lines that say what was done, and for each lesson that was left as it is, why. Raises ``ValueError`` for an unknown action."""
    if action not in DONE or (action == "bulk-kind" and kind not in set(LessonKind)):
        raise ValueError("there is no such action")
    if not ids:
        return _("Choose lessons first: tick the boxes beside them.")
    done, left = 0, []
    for lesson_id in ids:
        try:
            with db.write() as session:
                _one(session, action, project_id, lesson_id, user_id, kind)
            done += 1
        except (ValueError, LookupError) as problem:
            why = of_error(str(problem.args[0] if problem.args else problem)).removesuffix(".")
            left.append(_("Lesson {lesson} is left as it was: {why}.").format(lesson=lesson_id, why=why))
    says = _(DONE[action]).format(done=done, lessons=count(len(ids), "lesson"), kind=words(kind))
    return "\n".join([says, *left])


def _one(session: Session, action: str, project_id: int, lesson_id: int, user_id: int, kind: str) -> None:
    lesson = lessons.get(session, lesson_id)
    if lesson.project_id != project_id:
        raise LookupError("it belongs to another project")
    if action == "bulk-accept":
        lesson_changes.accept(session, lesson_id, user_id)
    elif action == "bulk-reject":
        lessons.reject(session, lesson_id, user_id)
    else:
        lesson_changes.set_kind(session, lesson_id, user_id, kind)
