"""Having the model answer what nothing has answered yet: for the page and for programs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.types import JobPriority
from store import items, projects
from store.tables import Job

AT_ONCE = 10_000
PER_JOB = 200


def answer_missing(session: Session, project_id: int, user_id: int) -> int:
    """Queue jobs for the items without an answer, the first ``AT_ONCE``; how many. Asking twice queues nothing twice."""
    projects.get(session, project_id)
    ids = items.without_output(session, project_id, AT_ONCE)
    for start in range(0, len(ids), PER_JOB):
        answer(session, project_id, ids[start : start + PER_JOB], user_id, JobPriority.BATCH)
    return len(ids)


def answer(session: Session, project_id: int, item_ids: Sequence[int], user_id: int, priority: JobPriority) -> Job:
    """The job that answers these items, or the unfinished one that does so already."""
    from app.worker.jobs import enqueue

    return enqueue(
        session,
        "generate",
        {"item_ids": list(item_ids)},
        priority=priority,
        dedupe_key=f"generate:{project_id}:{item_ids[0]}:{item_ids[-1]}",
        project_id=project_id,
        user_id=user_id,
    )
