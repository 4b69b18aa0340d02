"""Look-ups of lessons: how the lessons of an output were found, what came of them, and the items on which lessons were of use."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from core.lessons.relevance import DEFAULT, Gate
from core.types import Verdict
from store import critic_models
from store.lessons import is_retrievable
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

GATE = "relevance_gate"  # its versions are kept under this name: see ``store.critic_models``


def gate_of(session: Session, project_id: int) -> Gate:
    """The relevance gate of a project: its own where its votes taught one, of these features, that is in force."""
    kept = critic_models.current(session, project_id, GATE)
    try:
        return Gate.from_state(kept.state) if kept is not None else DEFAULT
    except (ValueError, KeyError, TypeError):
        return DEFAULT


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
