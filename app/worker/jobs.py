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
from core.projects import ProjectSettings
from core.types import JobPriority, JobState
from store import jobs, projects
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
        _deliver(session, job)
    elif job.state == JobState.QUEUED and priority < job.priority:
        job.priority = priority
        _deliver(session, job)  # the later of the two deliveries will find the row taken
    return job


def _deliver(session: Session, job: Job, delay_seconds: float = 0) -> None:
    """Let the engine bring the job to a worker that takes its kind."""
    asks = job.kind in PAYLOADS and PAYLOADS[job.kind].asks_of(job.payload)
    engine.enqueue(session, job.id, job.priority, asks_model=asks, delay_seconds=delay_seconds)


def begin(session: Session, job_id: int, worker_id: str, dead_after_seconds: float) -> Job | None:
    """Start an attempt of a job that waits, or whose worker died; ``None`` when there is nothing to do.

    One for which its project has no place is parked: it comes again when another of the project ends.
    """
    job = _locked(session, job_id)
    if job is None:
        return None
    if job.state == JobState.RUNNING and job_id not in {j.id for j in jobs.stranded(session, dead_after_seconds)}:
        return None
    if job.state == JobState.QUEUED and job.priority > JobPriority.PERSON_WAITING and _places(session, job) == 0:
        job.parked = True
        return None
    return jobs.start(session, job_id, worker_id)


def _places(session: Session, job: Job) -> int | None:
    """How many more jobs of this one's project may run now; ``None`` where the project sets no limit.

    Locks the project's row where it does, so that two that begin or end at once see each other.
    """
    if job.project_id is None:
        return None
    project = projects.get(session, job.project_id)
    most = ProjectSettings.model_validate(project.settings).jobs_at_once
    if most is None:
        return None
    projects.lock(session, project.id)
    return max(0, most - jobs.running_in(session, project.id))


def _unpark(session: Session, job: Job) -> None:
    """``job`` has ended: what waited for its place comes to a worker. A limit that was raised or lifted frees more than one."""
    places = _places(session, job)
    for parked in jobs.unpark(session, job.project_id, places):
        _deliver(session, parked)


def holds(session: Session, job: Job) -> bool:
    """Whether the attempt that ``job`` was returned for by ``begin`` is still the current one; locks the row till the end."""
    attempt = _attempt(job)  # read first: ``job`` may be the row that is refreshed now
    row = _locked(session, job.id)
    return row is not None and row.state == JobState.RUNNING and _attempt(row) == attempt


def finish(session: Session, job: Job, result: Mapping[str, Any]) -> bool:
    """Close the attempt with its result; false when it was over already."""
    if not holds(session, job) or not jobs.finish(session, job.id, result):
        return False
    _unpark(session, job)
    return True


def stopped(session: Session, job: Job) -> None:
    """Close the attempt of a job that was cancelled."""
    if holds(session, job):
        jobs.stopped(session, job.id)
        _unpark(session, job)


def fail(session: Session, job: Job, error: str, *, retry: bool) -> JobState | None:
    """Close the attempt as failed; with ``retry`` and an attempt left the job comes again after 2, 4, 8 ... seconds."""
    if not holds(session, job):
        return None
    state = jobs.fail(session, job.id, error, retry)
    if state is JobState.QUEUED:
        _deliver(session, job, delay_seconds=2.0**job.attempts)
    _unpark(session, job)
    return state


def hand_back(session: Session, job: Job) -> None:
    """The worker ends before the job does: another one takes it, and the attempt does not count."""
    if not holds(session, job):
        return
    row = session.get_one(Job, job.id)
    row.state, row.worker_id, row.attempts = JobState.QUEUED.value, None, row.attempts - 1
    _deliver(session, row)


def try_again(session: Session, job_id: int, user_id: int | None) -> Job:
    """A job that failed or was cancelled is wanted after all. Raises ``LookupError``, and ``ValueError`` saying why it cannot be."""
    job = jobs.begin_anew(session, job_id, user_id)
    _deliver(session, job)
    return job


def deliver_again(session: Session, job_id: int) -> None:
    """A worker that ends got a job it did not begin: put it back before the engine's record of it closes."""
    job = _locked(session, job_id)
    if job is not None and job.state == JobState.QUEUED:
        _deliver(session, job)


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
            _deliver(session, job)
            again.append(job.id)
        elif state is JobState.FAILED:
            failed.append(job.id)
            _unpark(session, job)
    for parked in jobs.parked_alone(session):  # such as where a limit was lifted while nothing of the project ran
        parked.parked = False
        _deliver(session, parked)
    return again, failed


def _locked(session: Session, job_id: int) -> Job | None:
    return session.get(Job, job_id, with_for_update=True, populate_existing=True)


def _attempt(job: Job) -> tuple[str | None, int]:
    return job.worker_id, job.attempts
