"""Propose lessons from the history of an item (DROC, paper 9); a person accepts, edits or rejects each.

What a project knows already is not proposed again: its sources are added to the lesson that says so. A draft that contradicts a known
lesson, or is a special or a more general case of one, says so where the person decides, with the other's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from app.worker import waking
from app.worker.payloads import Distil
from app.worker.runner import Context
from core.generators.base import GeneratorError, NotAvailable
from core.lessons.base import History
from core.lessons.by_model import ModelDistiller
from core.lessons.deterministic import DeterministicDistiller
from core.lessons.relations import Relation, Wording, is_same, of_draft, relation
from core.projects import ProjectSettings
from core.types import LessonDraft
from store import items, lessons, projects, reviews, vectors
from store.text import digest

MOST = 5000  # known lessons that a draft is compared with, the newest
SHOWN = 3
TOLD = {
    Relation.CONTRADICTS: "Contradicts",
    Relation.SPECIALISES: "A special case of",
    Relation.GENERALISES: "More general than",
}


def distil(context: Context, payload: Distil) -> dict[str, Any]:
    """Result: ``lesson_ids`` in order, and ``without``: corrections that gave none, with the reason.

    Distilling an item again proposes only what is new: a draft that was proposed before keeps its id, whatever became of it.
    """
    with context.db.read() as session:
        project_id = items.get(session, payload.item_id).project_id
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
        history = reviews.history(session, payload.item_id)
    drafts, without = DeterministicDistiller().explain(history)
    problem = ""
    if options.distiller == ModelDistiller.name:
        further, problem = _by_model(context, history, drafts)
        drafts = [*drafts, *further]
        learnt = {id_ for draft in further for id_ in draft.source_corrections}
        without = [one for one in without if one.correction_id not in learnt]
    context.check()
    with context.db.write() as session:
        known = known_lessons(session, project_id)
        standing = [draft for draft in drafts if not vectors.any_withdrawn(session, draft.source_corrections)]
        ids = [_kept(session, project_id, payload, draft, known) for draft in standing]
        if ids:  # whoever decides on them sees by which questions they will be judged
            waking.probe_lessons(session, project_id, sorted(set(ids)), user_id=payload.user_id)
    return {
        "lesson_ids": ids,
        "without": [{"correction_id": one.correction_id, "reason": one.reason} for one in without],
        **({"model_failed": problem} if problem else {}),
    }


def _by_model(context: Context, history: History, known: Sequence[LessonDraft]) -> tuple[list[LessonDraft], str]:
    """What the project's model adds to the drafts; a model that fails costs its own proposals, not the others, and says why."""
    try:
        found = ModelDistiller(context.models.batcher.at(context.job.priority)).distil(history)
    except (GeneratorError, NotAvailable) as failure:
        return [], str(failure)
    there = [of_draft(draft) for draft in known]
    return [draft for draft in found if not any(is_same(of_draft(draft), old) for old in there)], ""


def known_lessons(session: Session, project_id: int) -> list[tuple[int, Wording]]:
    """What a draft is compared with."""
    return [(lesson_id, of_draft(draft)) for lesson_id, draft in lessons.standing(session, project_id, MOST)]


def _kept(
    session: Session, project_id: int, payload: Distil, draft: LessonDraft, known: Sequence[tuple[int, Wording]]
) -> int:
    """The id of the lesson that says what the draft says: a known one, or the draft as a proposal."""
    key = key_of(payload.item_id, draft)
    before = lessons.by_effect(session, f"{key}:0")
    if before is not None:
        return before
    return proposed_or_same(session, project_id, draft, known, key=key, user_id=payload.user_id)


def proposed_or_same(
    session: Session,
    project_id: int,
    draft: LessonDraft,
    known: Sequence[tuple[int, Wording]],
    *,
    key: str,
    user_id: int | None,
    parents: Sequence[int] = (),
) -> int:
    """The id of the known lesson that says the same, which gains the draft's sources, or of the new proposal."""
    related = [(lesson_id, found) for lesson_id, old in known if (found := relation(of_draft(draft), old)) is not None]
    same = [lesson_id for lesson_id, found in related if found is Relation.SAME]
    if same:
        lessons.support(session, same[-1], draft.source_corrections, user_id)  # the oldest of them
        return same[-1]
    new = with_relations(draft, [(id_, found, dict(known)[id_].text) for id_, found in related])
    return lessons.propose(session, project_id, [new], author_id=user_id, effect_key=key, parents=parents)[0]


def with_relations(draft: LessonDraft, related: Sequence[tuple[int, Relation, str]]) -> LessonDraft:
    """The draft with what a person must know of ``related`` lessons: contradictions first, at most ``SHOWN``."""
    order = sorted(related, key=lambda one: (one[1] is not Relation.CONTRADICTS, one[0]))[:SHOWN]
    if not order:
        return draft
    lines = [f"{TOLD[found]} lesson {id_}: “{text[:300]}”" for id_, found, text in order]
    extra = {**draft.extra, "related": [[id_, found.value] for id_, found, _ in order]}
    return replace(draft, why="\n".join([draft.why, *lines]).strip(), extra=extra)


def key_of(item_id: int, draft: LessonDraft) -> str:
    """The effect key of a draft: the same words from the same item are proposed once."""
    return f"distil:item:{item_id}:{digest(draft.kind, draft.name or '', draft.text, draft.applicability)}"
