"""What operators watch: jobs, workers, queues and reviews, as counts at this moment. A few grouped queries, none per row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.types import AssignmentState, JobState, LessonStatus
from store import workers
from store.clock import now
from store.tables import Assignment, Job, Lesson, Project, Queue, Review


@dataclass(frozen=True, slots=True)
class Metrics:
    """``jobs``: by kind and state, of those that are not done; ``oldest_job_seconds``: how long the oldest has waited; ``slots``: by
    project, queue and state, of those that wait or are held; ``lessons``: active ones by project."""

    jobs: dict[tuple[str, str], int]
    oldest_job_seconds: float
    workers_alive: int
    slots: dict[tuple[str, str, str], int]
    reviews: int
    lessons: dict[str, int]


def unfinished_jobs(session: Session) -> dict[tuple[str, str], int]:
    """How many jobs of each kind and state there are that wait, run or have failed."""
    query = select(Job.kind, Job.state, func.count()).where(Job.state.not_in((JobState.DONE, JobState.CANCELLED)))
    return {(kind, state): n for kind, state, n in session.execute(query.group_by(Job.kind, Job.state))}


def read(session: Session, dead_after_seconds: float) -> Metrics:
    """Workers that were not heard of for ``dead_after_seconds`` do not count as alive."""
    slots = (
        select(Project.slug, Queue.kind, Assignment.state, func.count())
        .join(Queue, Queue.id == Assignment.queue_id)
        .join(Project, Project.id == Queue.project_id)
        .where(Assignment.state.in_((AssignmentState.OPEN, AssignmentState.CLAIMED)))
        .group_by(Project.slug, Queue.kind, Assignment.state)
    )
    lessons = select(Project.slug, func.count()).join(Lesson, Lesson.project_id == Project.id)
    oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == JobState.QUEUED))
    return Metrics(
        unfinished_jobs(session),
        (now() - oldest).total_seconds() if oldest is not None else 0.0,
        len(workers.alive(session, dead_after_seconds)),
        {(slug, kind, state): n for slug, kind, state, n in session.execute(slots)},
        session.scalar(select(func.count()).select_from(Review)) or 0,
        dict(session.execute(lessons.where(Lesson.status == LessonStatus.ACTIVE).group_by(Project.slug)).all()),
    )
