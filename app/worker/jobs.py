"""Jobs from enqueueing to the end: our row and the engine's record always change in one transaction.

The row is the truth; the engine may deliver a job late or twice. So every step here locks the row first, and whoever finds it
taken, cancelled or finished does nothing. An attempt is known by (worker, number): a worker that was taken for dead and comes
back finds that its attempt is over and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.worker import engine
from app.worker.payloads import PAYLOADS
from core.types import JobPriority, JobState
from store import jobs
from store.tables import Job


class UnknownKind(LookupError):
    """There is no job of this kind."""


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    priority: int = JobPriority.NORMAL,
    dedupe_key: str | None = None,
    project_id: int | None = None,
    user_id: int | None = None,
    max_attempts: int = 3,
) -> Job:
    """A new job, or the unfinished one with this ``dedupe_key``, made more urgent if need be.

    Nothing happens if the transaction of ``session`` rolls back. Raises ``UnknownKind``; ``pydantic.ValidationError``, which is
    a ``ValueError``, on a bad payload.
    """
    if kind not in PAYLOADS:
        raise UnknownKind(f"no job is called {kind!r}; there are: {', '.join(sorted(PAYLOADS))}")
    if priority < JobPriority.PERSON_WAITING:
        raise ValueError("a job's priority is 1 or more; lower runs first")
    checked = PAYLOADS[kind].model_validate(dict(payload)).model_dump(mode="json")
    job, created = jobs.create(
        session,
        kind,
        checked,
        priority=priority,
        dedupe_key=dedupe_key,
        project_id=project_id,
        user_id=user_id,
        max_attempts=max_attempts,
    )
    if created:
        engine.enqueue(session, job.id, priority)
    elif job.state == JobState.QUEUED and priority < job.priority:
        job.priority = priority
        engine.enqueue(session, job.id, priority)  # the later of the two deliveries will find the row taken
    return job


def begin(session: Session, job_id: int, worker_id: str, dead_after_seconds: float) -> Job | None:
    """Start an attempt of a job that waits, or whose worker died; ``None`` when there is nothing to do."""
    job = _locked(session, job_id)
    if job is None:
        return None
    if job.state == JobState.RUNNING and job_id not in {j.id for j in jobs.stranded(session, dead_after_seconds)}:
        return None
    return jobs.start(session, job_id, worker_id)


def holds(session: Session, job: Job) -> bool:
    """Whether the attempt that ``job`` was returned for by ``begin`` is still the current one; locks the row till the end."""
    attempt = _attempt(job)  # read first: ``job`` may be the row that is refreshed now
    row = _locked(session, job.id)
    return row is not None and row.state == JobState.RUNNING and _attempt(row) == attempt


def finish(session: Session, job: Job, result: Mapping[str, Any]) -> bool:
    """Close the attempt with its result; false when it was over already."""
    return holds(session, job) and jobs.finish(session, job.id, result)


def fail(session: Session, job: Job, error: str, *, retry: bool) -> JobState | None:
    """Close the attempt as failed; with ``retry`` and an attempt left the job comes again after 2, 4, 8 ... seconds."""
    if not holds(session, job):
        return None
    state = jobs.fail(session, job.id, error, retry)
    if state is JobState.QUEUED:
        engine.enqueue(session, job.id, job.priority, delay_seconds=2.0**job.attempts)
    return state


def hand_back(session: Session, job: Job) -> None:
    """The worker ends before the job does: another one takes it, and the attempt does not count."""
    if not holds(session, job):
        return
    row = session.get_one(Job, job.id)
    row.state, row.worker_id, row.attempts = JobState.QUEUED.value, None, row.attempts - 1
    engine.enqueue(session, job.id, job.priority)


def try_again(session: Session, job_id: int, user_id: int | None) -> Job:
    """A job that failed or was cancelled is wanted after all. Raises ``LookupError``, and ``ValueError`` saying why it cannot be."""
    job = jobs.begin_anew(session, job_id, user_id)
    engine.enqueue(session, job.id, job.priority)
    return job


def deliver_again(session: Session, job_id: int) -> None:
    """A worker that ends got a job it did not begin: put it back before the engine's record of it closes."""
    job = _locked(session, job_id)
    if job is not None and job.state == JobState.QUEUED:
        engine.enqueue(session, job_id, job.priority)


def rescue(
    session: Session, dead_after_seconds: float, worker_id: str, running: Collection[int]
) -> tuple[list[int], list[int]]:
    """Jobs whose worker died, or that ``worker_id`` holds without running them: those queued again, and those failed for good.

    The second kind is what a database that went away in the middle leaves behind.
    """
    again, failed = [], []
    lost = [job for job in jobs.held_by(session, worker_id) if job.id not in running]
    for job in [*jobs.stranded(session, dead_after_seconds), *lost]:
        if not holds(session, job):  # another worker was faster
            continue
        last = job.attempts >= job.max_attempts
        why = f"The worker died in the middle of attempt {job.attempts} of {job.max_attempts}."
        advice = " Look at its log for the cause (often too little memory), then start the job again."
        state = jobs.fail(session, job.id, why + advice if last else why, retry=True)
        if state is JobState.QUEUED:
            engine.enqueue(session, job.id, job.priority)
            again.append(job.id)
        elif state is JobState.FAILED:
            failed.append(job.id)
    return again, failed


def _locked(session: Session, job_id: int) -> Job | None:
    return session.get(Job, job_id, with_for_update=True, populate_existing=True)


def _attempt(job: Job) -> tuple[str | None, int]:
    return job.worker_id, job.attempts
