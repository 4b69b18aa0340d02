"""What says whether a review sets work going, for all such work in one statement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from core.types import JobState, LessonStatus
from store.tables import EvidenceMap, Job, LabelDrivers, Lesson, Lookup, Project


@dataclass(frozen=True, slots=True)
class Due:
    """``waiting``: of the dedupe keys asked for, those of jobs that wait to be begun. Of the project: how many reviewed answers its
    evidence map and its fit of label drivers last saw, and whether it has an active lesson, or any look-up."""

    waiting: frozenset[str]
    evidence: int
    drivers: int
    lessons: bool
    lookups: bool


def look(session: Session, project_id: int, keys: Collection[str]) -> Due:
    """Raises ``LookupError`` for an unknown project."""
    waits = Job.dedupe_key.in_(keys) & (Job.state == JobState.QUEUED)
    rows = session.execute(
        select(
            Job.dedupe_key,
            select(EvidenceMap.reviewed).where(EvidenceMap.project_id == project_id).scalar_subquery(),
            select(LabelDrivers.reviewed).where(LabelDrivers.project_id == project_id).scalar_subquery(),
            _any(Lesson.project_id == project_id, Lesson.status == LessonStatus.ACTIVE),
            _any(Lookup.project_id == project_id),
        )
        .select_from(Project)
        .outerjoin(Job, waits)
        .where(Project.id == project_id)
    ).all()
    if not rows:
        raise LookupError(f"there is no project {project_id}")
    _, evidence, drivers, lessons, lookups = rows[0]
    waiting = frozenset(row[0] for row in rows if row[0] is not None)
    return Due(waiting, evidence or 0, drivers or 0, bool(lessons), bool(lookups))


def _any(*such: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(true()).where(*such).limit(1).scalar_subquery()
