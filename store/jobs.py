"""Jobs as rows: the truth about long work. The engine that runs them carries only their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from core.types import JobState
from core.webhooks import Event
from store import audit, visibility, webhooks
from store.clock import now
from store.tables import Job, Worker
from store.text import clean
from store.upsert import insert

TELLING = "webhook"  # the kind of the jobs that send messages
_UNFINISHED = (JobState.QUEUED.value, JobState.RUNNING.value)
_OPEN_KEY = "state IN ('queued', 'running') AND dedupe_key IS NOT NULL"  # as uq_job_open_dedupe_key has it


def create(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    priority: int,
    dedupe_key: str | None = None,
    project_id: int | None = None,
    user_id: int | None = None,
    max_attempts: int = 3,
) -> tuple[Job, bool]:
    """A queued job and ``True``; or the unfinished job that carries this dedupe key already, and ``False``.

    Raises ``LookupError`` for a project that the person does not see.
    """
    visibility.keep_out(session, project_id)
    values = {
        "kind": kind,
        "payload": dict(payload),
        "priority": int(priority),
        "dedupe_key": dedupe_key,
        "project_id": project_id,
        "created_by": user_id,
        "max_attempts": max_attempts,
    }
    if dedupe_key is None:
        job = Job(**values)
        session.add(job)
        session.flush()
        return job, True
    new = insert(session, Job).values(**values)
    unless_there = new.on_conflict_do_nothing(index_elements=[Job.dedupe_key], index_where=text(_OPEN_KEY))
    while True:
        made = session.scalar(unless_there.returning(Job))
        if made is not None:
            return made, True
        known = session.scalar(select(Job).where(Job.dedupe_key == dedupe_key, Job.state.in_(_UNFINISHED)))
        if known is not None:  # else it finished between the two statements: try again
            return known, False


def waits(session: Session, dedupe_key: str) -> bool:
    """Whether a job with this key waits to be begun."""
    found = select(Job.id).where(Job.dedupe_key == dedupe_key, Job.state == JobState.QUEUED)
    return session.scalar(found.limit(1)) is not None


def get(session: Session, job_id: int) -> Job:
    """As it stands now. Raises ``LookupError``."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise LookupError(f"there is no job {job_id}")
    return job


def start(session: Session, job_id: int, worker_id: str) -> Job | None:
    """Begin an attempt; ``None`` when the job is finished, cancelled, or out of attempts (which fails it).

    A running job may be started again: its worker died. The attempt that kills its worker every time ends here.
    """
    started = session.execute(
        update(Job)
        .where(
            Job.id == job_id,
            Job.state.in_(_UNFINISHED),
            Job.cancel_requested.is_(False),
            Job.attempts < Job.max_attempts,
        )
        .values(
            state=JobState.RUNNING.value,
            worker_id=worker_id,
            attempts=Job.attempts + 1,
            started_at=now(),
            error="",
            parked=False,
        )
        .returning(Job.id)
    ).one_or_none()
    if started is not None:
        return get(session, job_id)
    _close(session, job_id)
    return None


def _close(session: Session, job_id: int) -> None:
    """End an unfinished job that will not be started again: cancelled if asked for, else failed."""
    state = case((Job.cancel_requested.is_(True), JobState.CANCELLED.value), else_=JobState.FAILED.value)
    error = case(
        (Job.cancel_requested.is_(True), Job.error),
        (Job.error == "", "Every attempt ended with its worker dying. Look at the worker's log, then start it again."),
        else_=Job.error,
    )
    ended = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(_UNFINISHED))
        .values(state=state, error=error, finished_at=now())
        .returning(Job.state)
    ).one_or_none()
    if ended is not None and ended.state == JobState.FAILED:
        _tell(session, job_id, Event.JOB_FAILED)


def _tell(session: Session, job_id: int, event: Event) -> None:
    """Not of the jobs that tell: each would call for the next."""
    job = session.get_one(Job, job_id)
    if job.kind != TELLING:
        webhooks.emit(session, event, job.project_id, job_id=job.id, kind=job.kind)


def progress(session: Session, job_id: int, done: int, total: int, message: str = "") -> bool:
    """Say how far a running job is. ``False`` asks the worker to stop: the job was cancelled."""
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING)
        .values(done=done, total=total, message=clean(message))
        .returning(Job.cancel_requested)
    ).one_or_none()
    return row is not None and not row.cancel_requested


def cancelled(session: Session, job_id: int) -> bool:
    """Whether the job should stop, or has."""
    job = get(session, job_id)
    return job.cancel_requested or job.state == JobState.CANCELLED


def finish(session: Session, job_id: int, result: Mapping[str, Any]) -> bool:
    """Close a running job with its result; ``False`` when it was finished already. A job whose cancel came too late is done."""
    done = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING)
        .values(state=JobState.DONE.value, result=dict(result), finished_at=now(), message="")
        .returning(Job.id)
    ).one_or_none()
    if done is not None:
        _tell(session, job_id, Event.JOB_FINISHED)
    return done is not None


def fail(session: Session, job_id: int, error: str, retry: bool) -> JobState:
    """Note a failed attempt. The job waits for its next attempt if ``retry`` and there is one left, else it has failed."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise LookupError(f"there is no job {job_id}")
    if job.state not in _UNFINISHED:
        return JobState(job.state)
    job.error = clean(error)
    if job.cancel_requested:
        job.state = JobState.CANCELLED.value
    elif retry and job.attempts < job.max_attempts:
        job.state = JobState.QUEUED.value
    else:
        job.state = JobState.FAILED.value
    job.finished_at = None if job.state == JobState.QUEUED else now()
    session.flush()
    if job.state == JobState.FAILED:
        _tell(session, job_id, Event.JOB_FAILED)
    return JobState(job.state)


def cancel(session: Session, job_id: int, user_id: int | None) -> JobState:
    """Cancel a waiting job at once and ask a running one to stop; returns the state it is in. Finished jobs stay as they are."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise LookupError(f"there is no job {job_id}")
    if job.state in _UNFINISHED and not job.cancel_requested:
        job.cancel_requested = True
        if job.state == JobState.QUEUED:
            job.state, job.finished_at = JobState.CANCELLED.value, now()
        audit.record(session, "job.cancel", "job", job_id, user_id=user_id, new={"kind": job.kind})
        session.flush()
    return JobState(job.state)


def stopped(session: Session, job_id: int) -> None:
    """The worker obeyed: close a running job whose cancel was asked for."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(_UNFINISHED), Job.cancel_requested.is_(True))
        .values(state=JobState.CANCELLED.value, finished_at=now())
    )


def begin_anew(session: Session, job_id: int, user_id: int | None) -> Job:
    """A job that has failed or was cancelled waits again, with all its attempts, as the same row: what it has done stays done.

    ``app.worker.jobs.try_again`` tells the engine. Raises ``LookupError``, and ``ValueError`` saying why it cannot be.
    """
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise LookupError(f"there is no job {job_id}")
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise ValueError(f"job {job_id} has neither failed nor been cancelled: it is {job.state}")
    if job.dedupe_key is not None:
        same = select(Job.id).where(Job.dedupe_key == job.dedupe_key, Job.state.in_(_UNFINISHED))
        if (other := session.scalar(same)) is not None:
            raise ValueError(f"the same work waits or runs already, as job {other}")
    old = {"state": job.state, "error": job.error[:400], "attempts": job.attempts}
    job.state, job.attempts, job.worker_id = JobState.QUEUED.value, 0, None
    job.error, job.finished_at, job.cancel_requested = "", None, False
    audit.record(session, "job.try_again", "job", job_id, user_id=user_id, old=old, new={"kind": job.kind})
    session.flush()
    return job


def in_state(session: Session, state: JobState, limit: int = 50) -> Sequence[Job]:
    """Jobs of all projects in a state: those that wait or run, most urgent first; those that ended, the latest first."""
    order = (Job.priority, Job.id) if state in _UNFINISHED else (Job.finished_at.desc(), Job.id.desc())
    return session.scalars(select(Job).where(Job.state == state).order_by(*order).limit(limit)).all()


def worth_listing() -> ColumnElement[bool]:
    """Not the sending of messages that went well: there is a job for every few of them, and each webhook has its own log."""
    return or_(Job.kind != TELLING, Job.state.in_((*_UNFINISHED, JobState.FAILED.value)))


def recent(session: Session, project_id: int | None = None, limit: int = 20) -> Sequence[Job]:
    """The newest jobs first, of one project or of all, as far as they are ``worth_listing``."""
    query = select(Job).where(worth_listing()).order_by(Job.id.desc()).limit(limit)
    return session.scalars(query if project_id is None else query.where(Job.project_id == project_id)).all()


def newest(session: Session, project_id: int, kind: str, state: JobState | None = None) -> Job | None:
    """The project's newest job of a kind, in that state where one is given."""
    query = select(Job).where(Job.project_id == project_id, Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    return session.scalar(query.order_by(Job.id.desc()).limit(1))


def open_for(session: Session, project_id: int) -> Sequence[Job]:
    """Unfinished jobs of a project, most urgent first."""
    query = select(Job).where(Job.project_id == project_id, Job.state.in_(_UNFINISHED))
    return session.scalars(query.order_by(Job.priority, Job.id)).all()


def stranded(session: Session, dead_after_seconds: float) -> Sequence[Job]:
    """Running jobs whose worker stopped or has not been heard of for that long."""
    since = now() - timedelta(seconds=dead_after_seconds)
    lives = exists().where(Worker.id == Job.worker_id, Worker.seen_at > since, Worker.stopped_at.is_(None))
    return session.scalars(select(Job).where(Job.state == JobState.RUNNING, ~lives).order_by(Job.id)).all()


def running_in(session: Session, project_id: int) -> int:
    """How many jobs of the project run."""
    of_project = select(func.count()).where(Job.project_id == project_id, Job.state == JobState.RUNNING)
    return session.scalar(of_project) or 0


def unpark(session: Session, project_id: int | None, places: int | None) -> Sequence[Job]:
    """The most urgent ``places`` of the project's parked jobs, all for ``None``, which wait for a worker from now on."""
    waiting = (
        select(Job)
        .where(Job.project_id == project_id, Job.state == JobState.QUEUED, Job.parked.is_(True))
        .order_by(Job.priority, Job.id)
        .limit(places)
        .with_for_update(skip_locked=True)
    )
    found = session.scalars(waiting).all()
    for job in found:
        job.parked = False
    return found


def parked_alone(session: Session) -> Sequence[Job]:
    """Of each project in which nothing runs, the parked jobs' most urgent one."""
    busy = select(Job.project_id).where(Job.state == JobState.RUNNING, Job.project_id.is_not(None))
    parked = (Job.state == JobState.QUEUED, Job.parked.is_(True), Job.project_id.not_in(busy))
    place = func.row_number().over(partition_by=Job.project_id, order_by=(Job.priority, Job.id)).label("place")
    first = select(Job.id, place).where(*parked).subquery()
    ids = session.scalars(select(first.c.id).where(first.c.place == 1)).all()
    return session.scalars(select(Job).where(Job.id.in_(ids), *parked).with_for_update(skip_locked=True)).all()


def held_by(session: Session, worker_id: str) -> Sequence[Job]:
    """Jobs that this worker runs, by their rows."""
    return session.scalars(
        select(Job).where(Job.worker_id == worker_id, Job.state == JobState.RUNNING).order_by(Job.id)
    ).all()
