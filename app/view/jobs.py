"""What the jobs page shows: workers, what runs and waits, and what has failed and why."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from app.view.render import render
from core.types import JobState
from store import jobs, metrics, projects, workers

PARTS = ("workers", "running", "failed")
SHOWN = 50


def parts(session: Session, dead_after_seconds: float) -> dict[str, str]:
    """HTML of ``PARTS``."""
    names = {project.id: project.name for project in projects.list_all(session)}
    unfinished = metrics.unfinished_jobs(session)
    counts: Counter[str] = Counter()
    for (_, state), n in unfinished.items():
        counts[state] += n
    waiting = sorted((kind, n) for (kind, state), n in unfinished.items() if state == JobState.QUEUED)
    alive = workers.alive(session, dead_after_seconds)
    running = jobs.in_state(session, JobState.RUNNING, SHOWN)
    failed = jobs.in_state(session, JobState.FAILED, SHOWN)
    return {
        "workers": render("jobs/workers.html", workers=alive),
        "running": render("jobs/running.html", jobs=running, waiting=waiting, names=names, counts=counts),
        "failed": render("jobs/failed.html", jobs=failed, names=names, total=counts[JobState.FAILED]),
    }
