"""Having the model answer what nothing has answered yet: for the page and for programs."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.types import JobPriority
from store import items, projects

AT_ONCE = 10_000
PER_JOB = 200


def answer_missing(session: Session, project_id: int, user_id: int) -> int:
    """Queue jobs for the items without an answer, the first ``AT_ONCE``; how many. Asking twice queues nothing twice."""
    from app.worker.jobs import enqueue

    projects.get(session, project_id)
    ids = items.without_output(session, project_id, AT_ONCE)
    for start in range(0, len(ids), PER_JOB):
        part = ids[start : start + PER_JOB]
        enqueue(
            session,
            "generate",
            {"item_ids": part},
            priority=JobPriority.BATCH,
            dedupe_key=f"generate:{project_id}:{part[0]}:{part[-1]}",
            project_id=project_id,
            user_id=user_id,
        )
    return len(ids)
