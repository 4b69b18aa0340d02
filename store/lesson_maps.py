"""The map of a project's lessons: which belong on it, where each lies, and whether it is still the map of what there is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.types import LessonKind, LessonStatus
from store.clock import now
from store.tables import IndexFeed, Lesson, LessonMap

MOST = 2000  # lessons on a map: more dots are a blot, and a page of megabytes
SHOWN = (LessonStatus.ACTIVE, LessonStatus.PROPOSED)


def marks(session: Session, project_id: int) -> str:
    """Changes with every lesson that is made, embedded or taken out of search; cheap enough to be asked by a page."""
    feed = max(
        session.scalar(
            select(func.max(IndexFeed.seq)).where(IndexFeed.project_id == project_id, IndexFeed.scope == kind.value)
        )
        or 0
        for kind in LessonKind
    )
    newest = session.scalar(
        select(Lesson.id).where(Lesson.project_id == project_id).order_by(Lesson.id.desc()).limit(1)
    )
    return f"{newest or 0}:{feed}"


def to_show(session: Session, project_id: int) -> Sequence[Lesson]:
    """The lessons of the map by id: active and proposed ones, where there are too many those most used, then the newest."""
    query = select(Lesson).where(Lesson.project_id == project_id, Lesson.status.in_(SHOWN))
    rows = session.scalars(query.order_by(Lesson.used.desc(), Lesson.id.desc()).limit(MOST)).all()
    return sorted(rows, key=lambda lesson: lesson.id)


def save(
    session: Session,
    project_id: int,
    *,
    embedder: str,
    points: Sequence[tuple[int, float, float]],
    kept: float,
    marks: str,
) -> None:
    """Put the new map in the place of the old one."""
    found = current(session, project_id) or LessonMap(project_id=project_id)
    found.embedder, found.kept, found.marks, found.fitted_at = embedder, kept, marks, now()
    found.points = [[id_, round(x, 4), round(y, 4)] for id_, x, y in points]
    session.add(found)
    session.flush()


def current(session: Session, project_id: int) -> LessonMap | None:
    return session.scalar(select(LessonMap).where(LessonMap.project_id == project_id))


def stands(session: Session, ids: Sequence[int]) -> Sequence[Lesson]:
    """Those of the lessons that may still be on a map."""
    return session.scalars(select(Lesson).where(Lesson.id.in_(ids), Lesson.status.in_(SHOWN)).order_by(Lesson.id)).all()
