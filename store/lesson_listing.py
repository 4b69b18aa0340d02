"""The lessons of a project by facets: how many there are of each kind of thing, and the rows, a page at a time.

One statement counts every combination of facets that occurs (``census``); any choice of filters is then read from it, so counts and
list cannot disagree. Pages go by key: those to decide first, then the others, each the newest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, and_, case, cast, func, select
from sqlalchemy.orm import Session

from core.types import LessonStatus
from store.clock import now
from store.tables import AuditEvent, Lesson, LessonProposal, Retrieval
from store.text import mentions

LATELY = timedelta(days=30)
FACETS = ("status", "kind", "source", "author", "relations", "use", "retire")
Choice = Mapping[str, str]  # facet -> the value that a lesson must have


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: after this lesson, among those to decide or among the others."""

    to_decide: bool
    lesson_id: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the lessons that the choice leaves; ``facets[name][value]`` is how many there would be with that value instead."""

    total: int
    facets: Mapping[str, Mapping[str, int]]


def _facets() -> dict[str, SQLColumnExpression[str]]:
    """What each facet is of a lesson, in SQL."""
    said = cast(Lesson.extra, String)
    key = func.coalesce(Lesson.effect_key, "")
    used = Lesson.id.in_(select(Retrieval.lesson_id))  # read once, where an EXISTS is asked for each lesson
    lately = Lesson.id.in_(select(Retrieval.lesson_id).where(Retrieval.created_at >= now() - LATELY))
    open_ = Lesson.id.in_(select(LessonProposal.lesson_id).where(LessonProposal.state == "open"))
    return {
        "status": Lesson.status,
        "kind": Lesson.kind,
        "source": case(
            (key.startswith("lessons:"), "import"), (key.startswith("distil:"), "distiller"), else_="person"
        ),
        "author": func.coalesce(cast(Lesson.author_id, String), ""),
        # ``"related":[[7,"contradicts"]]``; a quotation mark inside a text is escaped, so no text looks like that
        "relations": case(
            (said.like('%"contradicts"]%'), "contradicts"), (said.like('%"related"%'), "related"), else_="none"
        ),
        "use": case((lately, "lately"), (used, "earlier"), else_="never"),
        "retire": case((open_, "proposed"), else_="no"),
    }


def words(session: Session, text: str) -> ColumnElement[bool]:
    """Lessons with this text in wording, applicability or name, in any case."""
    return mentions(text, Lesson.text, Lesson.applicability, Lesson.name)


def census(session: Session, project_id: int, text: str | None = None) -> Counter[tuple[str, ...]]:
    """How many lessons have each combination of facets (in the order of ``FACETS``), of those with the words."""
    facets = _facets()
    inner: Select[*tuple[Any, ...]] = select(*(facets[name].label(name) for name in FACETS)).where(
        Lesson.project_id == project_id
    )
    if text:
        inner = inner.where(words(session, text))
    part = inner.subquery()
    columns = [part.c[name] for name in FACETS]
    rows = session.execute(select(*columns, func.count()).group_by(*columns))
    return Counter({tuple(row[:-1]): row[-1] for row in rows})


def marks(session: Session) -> tuple[object, ...]:
    """Changes with every lesson that is made or changed, every use and every proposal, and with the day; three look-ups by key."""
    newest = (session.scalar(select(func.max(table.id))) for table in (AuditEvent, Retrieval, LessonProposal))
    return (*newest, now().date())


def counts(found: Mapping[tuple[str, ...], int], choice: Choice) -> Counts:
    """What a choice of filters leaves, and what each further value would."""
    facets: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    total = 0
    for cell, number in found.items():
        unlike = [name for name, value in zip(FACETS, cell, strict=True) if name in choice and choice[name] != value]
        total += 0 if unlike else number
        for name, value in zip(FACETS, cell, strict=True):
            if not set(unlike) - {name}:
                facets[name][value] += number
    return Counts(total, facets)


def page(
    session: Session,
    project_id: int,
    choice: Choice,
    *,
    text: str | None = None,
    after: Place | None = None,
    limit: int = 50,
) -> tuple[Sequence[Lesson], Place | None]:
    """Up to ``limit`` lessons after a place, and the place where the next page begins, or ``None`` at the end.

    Raises ``ValueError`` on a facet that does not exist.
    """
    base = _chosen(session, project_id, choice, text)
    rows: list[Lesson] = []
    for to_decide in (True, False):
        passed = after is not None and to_decide and not after.to_decide
        if passed or (to_decide and choice.get("status", LessonStatus.PROPOSED) != LessonStatus.PROPOSED):
            continue
        status = Lesson.status
        query = base.where(status == LessonStatus.PROPOSED if to_decide else status != LessonStatus.PROPOSED)
        if after is not None and after.to_decide == to_decide:
            query = query.where(Lesson.id < after.lesson_id)
        rows += session.scalars(query.order_by(Lesson.id.desc()).limit(limit + 1 - len(rows)))
        if len(rows) > limit:
            break
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], None if last is None else Place(last.status == LessonStatus.PROPOSED, last.id)


def _chosen(session: Session, project_id: int, choice: Choice, text: str | None) -> Select[Lesson]:
    facets = _facets()
    if unknown := set(choice) - set(facets):
        raise ValueError(f"lessons have no facet {', '.join(sorted(unknown))}; there are: {', '.join(FACETS)}")
    query = select(Lesson).where(Lesson.project_id == project_id)
    query = query.where(and_(True, *(facets[name] == value for name, value in choice.items())))
    return query.where(words(session, text)) if text else query


def among(
    session: Session, project_id: int, choice: Choice, ids: Collection[int], *, text: str | None = None
) -> set[int]:
    """Those of the lessons that the filters leave."""
    query = _chosen(session, project_id, choice, text).where(Lesson.id.in_(ids)).with_only_columns(Lesson.id)
    return set(session.scalars(query))
