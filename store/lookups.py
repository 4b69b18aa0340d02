"""Look-ups of lessons: how the lessons of an output were found, what came of them, and the items on which lessons were of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from core.lessons.prompt import keep_within, slot_of
from core.lessons.relevance import DEFAULT, Gate
from core.lessons.retrieve import chosen
from core.lessons.sufficiency import Round, is_enough
from core.lessons.sufficiency_gate import SufficiencyGate
from core.projects import ProjectSettings
from core.types import Verdict
from store import critic_models, projects
from store.lessons import active_texts, is_retrievable, revisions_of
from store.tables import (
    Correction,
    Embedding,
    Item,
    Lesson,
    LessonSource,
    Lookup,
    Output,
    Retrieval,
    Review,
)

GATE, SUFFICIENCY = "relevance_gate", "sufficiency_gate"  # their versions have these names: see ``store.critic_models``


def gate_of(session: Session, project_id: int) -> Gate:
    """The relevance gate of a project: its own where its votes taught one, of these features, that is in force."""
    kept = critic_models.current(session, project_id, GATE)
    try:
        return Gate.from_state(kept.state) if kept is not None else DEFAULT
    except (ValueError, KeyError, TypeError):
        return DEFAULT


def enough_of(session: Session, project_id: int) -> Callable[[Round], bool]:
    """What says that a round of search is enough: the project's own gate where one is in force, else the delivered rule."""
    kept = critic_models.current(session, project_id, SUFFICIENCY)
    try:
        return SufficiencyGate.from_state(kept.state).is_enough if kept is not None else is_enough
    except (ValueError, KeyError, TypeError):
        return is_enough


def add(session: Session, project_id: int, log: Mapping[str, Any] | None, *, asked_by: str) -> int | None:
    """Keep a look-up that a program made for an answer of its own, without its words; ``None`` where nothing was looked up."""
    if log is None:
        return None
    rounds = [{**one, "query": ""} for one in log["rounds"]]
    row = Lookup(project_id=project_id, asked_by=asked_by, **{**log, "rounds": rounds})
    session.add(row)
    session.flush()
    return row.id


def attach(session: Session, project_id: int, lookup_id: int, output_id: int) -> bool:
    """Say which answer a program's look-up was for, with the lessons that it accepted and that are active now.

    ``False`` where it is another answer's already, or another project's.
    """
    row = session.get(Lookup, lookup_id, with_for_update=True)
    if row is None or row.project_id != project_id or row.output_id is not None or of(session, output_id) is not None:
        return False
    row.output_id = output_id
    best: dict[int, float] = {}
    for hit in (hit for one in row.rounds for hit in one["hits"] if hit["accepted"]):
        best[hit["lesson"]] = max(hit["chance"], best.get(hit["lesson"], 0.0))
    session.add_all(_placed(session, project_id, output_id, best))
    session.flush()
    return True


def _placed(session: Session, project_id: int, output_id: int, best: Mapping[int, float]) -> list[Retrieval]:
    """Those that were given to the program: the same choice within the same budget."""
    options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    active = active_texts(session, sorted(best))
    ranked = sorted((replace(one, score=best[one.id]) for one in active.values()), key=lambda one: (-one.score, one.id))
    kept = keep_within(chosen(ranked, options.lessons_per_slot), options.lesson_tokens)
    revisions = revisions_of(session, [one.id for one in kept])
    rows: list[Retrieval] = []
    for one in kept:
        slot = slot_of(one.kind).value
        rank = sum(row.slot == slot for row in rows)
        revision = revisions[one.id]
        rows.append(
            Retrieval(
                output_id=output_id, lesson_id=one.id, lesson_revision=revision, slot=slot, rank=rank, score=one.score
            )
        )
    return rows


def of(session: Session, output_id: int) -> Lookup | None:
    """``None`` for an answer that was made without a look-up."""
    return session.scalar(select(Lookup).where(Lookup.output_id == output_id))


def links(session: Session, project_id: int, item_ids: Sequence[int]) -> dict[int, set[int]]:
    """Lessons that may go into a prompt now, by the items on which they were of use: their corrections came from there, or people
    voted them used in an answer that was found acceptable."""
    found: dict[int, set[int]] = {}
    for query in _uses():
        standing = query.where(Output.item_id.in_(item_ids), Lesson.project_id == project_id, is_retrievable())
        for item_id, lesson_id in session.execute(standing):
            found.setdefault(item_id, set()).add(lesson_id)
    return found


def items_of(session: Session, lesson_ids: Sequence[int]) -> dict[int, set[int]]:
    """The reverse of ``links``: the items on which each lesson was of use."""
    found: dict[int, set[int]] = {}
    for query in _uses():
        for item_id, lesson_id in session.execute(query.where(Lesson.id.in_(lesson_ids))):
            found.setdefault(lesson_id, set()).add(item_id)
    return found


def _uses() -> tuple[Select[int, int], Select[int, int]]:
    """(item, lesson): the corrections of the lesson came from there; the lesson was voted used there."""
    came = (
        select(Output.item_id, LessonSource.lesson_id)
        .join(Correction, Correction.output_id == Output.id)
        .join(LessonSource, LessonSource.correction_id == Correction.id)
        .join(Lesson, Lesson.id == LessonSource.lesson_id)
    )
    fine = exists().where(Review.output_id == Output.id, Review.verdict == Verdict.ACCEPTABLE)
    used = (
        select(Output.item_id, Retrieval.lesson_id)
        .join(Retrieval, Retrieval.output_id == Output.id)
        .join(Lesson, Lesson.id == Retrieval.lesson_id)
        .where(Retrieval.vote == "used", fine)
    )
    return came, used


def linked_items(project_id: int) -> ColumnElement[bool]:
    """Whether an item is one from which an active lesson came or on which people voted one used."""
    came = (
        select(Output.item_id)
        .join(Correction, Correction.output_id == Output.id)
        .join(LessonSource, LessonSource.correction_id == Correction.id)
        .join(Lesson, Lesson.id == LessonSource.lesson_id)
        .where(Lesson.project_id == project_id, is_retrievable())
    )
    used = select(Output.item_id).join(Retrieval, Retrieval.output_id == Output.id).where(Retrieval.vote == "used")
    return Item.id.in_(came) | Item.id.in_(used)


def missing_items(session: Session, project_id: int, model: str) -> Sequence[Item]:
    """Items of the project that are linked with lessons, and that this model has not embedded."""
    there = exists().where(Embedding.owner_kind == "item", Embedding.owner_id == Item.id, Embedding.model == model)
    query = select(Item).where(Item.project_id == project_id, linked_items(project_id), ~there)
    return session.scalars(query.order_by(Item.id)).all()
