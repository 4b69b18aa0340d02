"""After a retraction: what remains of the lessons that it suspended, distilled anew from the corrections that still stand.

A lesson that comes out with the same words stands by itself and is what it was before; another wording is proposed as its child, and a
person decides; where nothing remains it stays suspended, with the reason. Proposals carry the retraction's key, so that a job that runs
twice proposes once, and rolling the retraction back turns them down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.worker.handlers.distil import key_of, known_lessons, proposed_or_same
from app.worker.payloads import Redistil
from app.worker.runner import Context
from core.lessons.deterministic import DeterministicDistiller
from core.lessons.relations import Relation, of_draft, relation
from core.types import LessonDraft, LessonKind, LessonStatus
from store import lessons, reviews, vectors
from store.tables import Lesson


def redistil(context: Context, payload: Redistil) -> dict[str, Any]:
    """Result: by lesson id what became of it: ``restored``, ``proposed`` with the new ids, ``nothing`` or ``decided`` by a person."""
    with context.db.read() as session:
        row = lessons.get_retraction(session, payload.retraction_id)
        suspended = lessons.entries(session, row.id)["suspended"]
    became: dict[str, dict[str, list[int]]] = {"restored": {}, "proposed": {}, "nothing": {}, "decided": {}}
    for done, lesson_id in enumerate(suspended):
        context.progress(done, len(suspended), "distilling anew")
        with context.db.read() as session:
            drafts = _drafts(session, lessons.remaining_of(session, lesson_id))
        context.check()
        with context.db.write() as session:
            what, ids = _kept(session, payload, row.project_id, lesson_id, drafts)
        became[what][str(lesson_id)] = ids
    return became


def _drafts(session: Session, corrections: Mapping[int, int]) -> list[tuple[int, LessonDraft]]:
    """(item, draft) of what the items of these corrections (correction -> item) teach without what was taken back."""
    found: list[tuple[int, LessonDraft]] = []
    for item_id in sorted(set(corrections.values())):
        made = DeterministicDistiller().distil(reviews.history(session, item_id))
        found += [(item_id, draft) for draft in made if set(draft.source_corrections) & set(corrections)]
    return found


def _kept(
    session: Session, payload: Redistil, project_id: int, lesson_id: int, drafts: Sequence[tuple[int, LessonDraft]]
) -> tuple[str, list[int]]:
    lesson = lessons.get(session, lesson_id)
    if lessons.get_retraction(session, payload.retraction_id).undone_at or lesson.status != LessonStatus.SUSPENDED:
        return "decided", []
    drafts = [(item, draft) for item, draft in drafts if not vectors.any_withdrawn(session, draft.source_corrections)]
    mine = [(item, draft) for item, draft in drafts if draft.kind == lesson.kind] or drafts
    if not mine:
        lessons.still_suspended(session, lesson_id, "nothing can be distilled from what remains of its corrections")
        return "nothing", []
    if any(relation(of_draft(draft), of_draft(_as_draft(lesson))) is Relation.SAME for _, draft in mine):
        lessons.stands_by_itself(session, payload.retraction_id, lesson_id)
        return "restored", [lesson_id]
    known, ids = known_lessons(session, project_id), []
    for item, draft in mine:
        key = f"{lessons.proposed_key(payload.retraction_id)}{lesson_id}:{key_of(item, draft)}"
        ids.append(
            lessons.by_effect(session, f"{key}:0")
            or _proposed(session, payload, project_id, lesson_id, draft, known, key)
        )
    return "proposed", ids


def _proposed(
    session: Session,
    payload: Redistil,
    project_id: int,
    lesson_id: int,
    draft: LessonDraft,
    known: Any,
    key: str,
) -> int:
    return proposed_or_same(session, project_id, draft, known, key=key, user_id=payload.user_id, parents=[lesson_id])


def _as_draft(lesson: Lesson) -> LessonDraft:
    return LessonDraft(LessonKind(lesson.kind), lesson.text, lesson.applicability, (), lesson.name, extra=lesson.extra)
