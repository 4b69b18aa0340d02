"""What a person may not see is not there: the sessions of their request leave it out.

``see`` says once who asks, and every session that is opened afterwards in the same request or event finds no row of a project
outside their sight: a look-up by id says that there is no such row, a list is shorter, an update or delete matches nothing, and
nothing new can be put there. Rows that hang below an item or output carry no project of their own and are left as they are: the
way to them leads over a row that does. Programs without a person, such as the worker, see everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, event, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from core.permissions import Sight
from store.tables import (
    ApiToken,
    Assignment,
    Base,
    Lesson,
    LessonProbe,
    LessonProposal,
    Project,
    ProjectMember,
    Queue,
    Webhook,
)

# What says who may do what, which is asked before anybody's sight is known, and what is told of everything that happens.
_ABOUT_PEOPLE = (ApiToken, ProjectMember, Webhook)
_OF_LESSONS = (LessonProbe, LessonProposal)  # they are decided on by their own ids
_sight: ContextVar[Sight | None] = ContextVar("corrigenda_sight", default=None)


def see(sight: Sight | None) -> None:
    """From here on in this request or event, new sessions show these projects only; ``None``: all."""
    _sight.set(sight)


@contextmanager
def everything() -> Iterator[None]:
    """For what the product itself looks up, such as who somebody is."""
    before = _sight.set(None)
    try:
        yield
    finally:
        _sight.reset(before)


class SightedSession(Session):
    """A session that shows what could be seen when it was opened."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        sight = _sight.get()
        self.sight = None if sight is None or sight.everything else sight


@event.listens_for(SightedSession, "do_orm_execute")
def _leave_out(state: ORMExecuteState) -> None:
    sight = getattr(state.session, "sight", None)
    if sight is None or state.is_column_load or not (state.is_select or state.is_update or state.is_delete):
        return
    state.statement = state.statement.options(*_criteria(sight))


def keep_out(session: Session, project_id: int | None) -> None:
    """Raises ``LookupError`` for a project that the person does not see; for rows that go in without an object."""
    sight = getattr(session, "sight", None)
    if sight is not None and project_id is not None and not sight.sees(project_id):
        raise LookupError(f"there is no project {project_id}")


@event.listens_for(SightedSession, "before_flush")
def _keep_out(session: Session, *_: object) -> None:
    if getattr(session, "sight", None) is not None:
        for row in session.new:
            keep_out(session, getattr(row, "project_id", None))


@lru_cache(maxsize=1000)
def _criteria(sight: Sight) -> tuple[Any, ...]:
    found: list[Any] = []
    for mapper in Base.registry.mappers:
        table: Any = mapper.class_
        if table in _ABOUT_PEOPLE:
            continue
        if table is Project:
            found.append((table, _within(Project.id, sight)))
        elif table is Assignment:
            found.append((table, Assignment.queue_id.in_(select(Queue.id).where(_within(Queue.project_id, sight)))))
        elif "project_id" in mapper.columns:
            found.append((table, _within(table.project_id, sight, nullable=mapper.columns["project_id"].nullable)))
        elif table in _OF_LESSONS:
            theirs = select(Lesson.id).where(Lesson.id == table.lesson_id, _within(Lesson.project_id, sight))
            found.append((table, theirs.exists()))
    return tuple(with_loader_criteria(table, condition, include_aliases=True) for table, condition in found)


def _within(column: Any, sight: Sight, *, nullable: bool | None = False) -> ColumnElement[bool]:
    """``only`` leaves out rows of no project as well: they belong to the installation."""
    if sight.only is not None:
        found: ColumnElement[bool] = column.in_(sorted(sight.only - sight.never))
    else:
        found = column.not_in(sorted(sight.never))
        if nullable:
            found = or_(column.is_(None), found)
    return found
