"""Answers of a project with what they answer, for rules: a few recent ones to try a rule on, or all of them in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, selectinload

from core.signals.base import SignalInput
from core.types import Question, Step
from store import outputs
from store.queue.kept import kept
from store.tables import Item, Output, Project, Risk


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer as a rule sees it."""

    output_id: int
    question: Question
    answer: str
    label: str | None
    steps: tuple[Step, ...]

    def as_input(self, **more: Any) -> SignalInput:
        return SignalInput(self.question, self.answer, self.steps, label=self.label, **more)


def recent(session: Session, project_id: int, limit: int = 300) -> list[Sample]:
    """The project's latest answers, newest first."""
    return _samples(session, _of(project_id).order_by(Output.id.desc()).limit(limit))


def judged(session: Session, project_id: int, ids: Sequence[int]) -> list[Sample]:
    """Those of the answers that are the project's and have been judged, by id."""
    there = exists().where(Risk.output_id == Output.id)
    return _samples(session, _of(project_id).where(Output.id.in_(ids), there).order_by(Output.id))


def judged_ids(session: Session, project_id: int) -> Sequence[int]:
    """Ids of the project's answers that have been judged, newest first."""
    query = select(Output.id).join(Item, Item.id == Output.item_id).join(Risk, Risk.output_id == Output.id)
    return session.scalars(query.where(Item.project_id == project_id).order_by(Output.id.desc())).all()


def _of(project_id: int) -> Select[Output, Item, Project]:
    query = select(Output, Item, Project).join(Item, Item.id == Output.item_id)
    query = query.join(Project, Project.id == Item.project_id).options(selectinload(Output.steps))
    return query.where(Item.project_id == project_id)


def _samples(session: Session, query: Select[Output, Item, Project]) -> list[Sample]:
    return [
        Sample(output.id, outputs.question_of(item, project), output.text, output.label, outputs.to_steps(output))
        for output, item, project in session.execute(query)
    ]


def size(session: Session, project_id: int) -> tuple[int, int]:
    """How many items a project has, and how many of them have at least one answer; of large ones as ``store.queue.kept`` has it."""
    found = kept(session, f"size of {project_id}", lambda: _size(session, project_id), size="items")
    return found["items"], found["answered"]


def _size(session: Session, project_id: int) -> dict[str, int]:
    items = select(func.count()).select_from(Item).where(Item.project_id == project_id)
    answered = items.where(exists().where(Output.item_id == Item.id))
    row = session.execute(select(items.scalar_subquery(), answered.scalar_subquery())).one()
    return {"items": row[0], "answered": row[1]}
