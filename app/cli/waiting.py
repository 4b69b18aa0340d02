"""Waiting for jobs on the command line, with what they are doing on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from core.types import JobState
from store import jobs, workers
from store.engine import Database
from store.tables import Job

POLL_SECONDS = 0.2
NO_WORKER_SECONDS = 90.0


class JobsFailed(RuntimeError):
    """A job that was waited for failed or was cancelled, or nobody is there to do it."""


def wait_for_jobs(db: Database, project_id: int, *, limit_seconds: float = 1800.0) -> None:
    """Return when the project has no unfinished job. Raises ``JobsFailed``."""
    begun = time.monotonic()
    while True:
        with db.read() as session:
            waiting = jobs.open_for(session, project_id)
            alive = bool(workers.alive(session, NO_WORKER_SECONDS))
            bad = [job for job in jobs.recent(session, project_id, limit=200) if _failed(job)]
        if bad:
            raise JobsFailed("; ".join(f"{job.kind}: {job.error or job.state}" for job in bad))
        if not waiting:
            _say("")
            return
        waited = time.monotonic() - begun
        if not alive and waited > NO_WORKER_SECONDS:
            raise JobsFailed(f"no worker has been heard of for {waited:.0f} s: start one with `corrigenda worker`")
        if waited > limit_seconds:
            raise JobsFailed(f"{len(waiting)} jobs are not done after {limit_seconds:.0f} s: {_doing(waiting)}")
        _say(_doing(waiting))
        time.sleep(POLL_SECONDS)


def _failed(job: Job) -> bool:
    return job.state in (JobState.FAILED, JobState.CANCELLED)


def _doing(waiting: Sequence[Job]) -> str:
    running = [f"{job.kind} {job.done}/{job.total}" for job in waiting if job.state == JobState.RUNNING]
    return f"{len(waiting)} jobs to go{': ' if running else ''}{', '.join(running[:3])}"


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
