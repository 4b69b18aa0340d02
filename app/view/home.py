"""What the home page shows, each part from a few statements of one read transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.auth import Person
from app.settings import Settings
from app.view.calibration import home_line
from app.view.jobs import said
from app.view.render import render
from core.reports.loop import FEWEST, QUARTERS, LoopReport
from core.types import JobState, Role
from store import jobs, lessons, queue, reviews, workers
from store.tables import Job

TOP = 10
OF_ONE_ITEM = ("retry", "reask")  # cancelled when a reviewer leaves the item; nobody misses them


@dataclass(frozen=True, slots=True)
class Point:
    """One day of the chart: mean corrections per accepted item, and where it is drawn in a 600 x 180 box."""

    day: str
    items: int
    mean: float
    x: float
    y: float


def waiting(session: Session, project_id: int, person: Person) -> str:
    """The queue by risk with its counts; experts also see how many items were flagged for them."""
    rows = queue.waiting(session, project_id, TOP)
    for_experts = queue.for_experts(session, project_id) if person.may(Role.EXPERT, project_id) else {}
    running = set() if rows else {job.kind for job in jobs.open_for(session, project_id)}
    return render(
        "home/waiting.html",
        project_id=project_id,
        person=person,
        counts=queue.counts(session, project_id),
        for_experts=for_experts,
        rows=rows,
        causes={} if rows else queue.why_empty(session, project_id, person.id),
        judging=bool(running & {"analyse", "import", "generate"}),
    )


def decided(session: Session, person: Person) -> str:
    """What was decided about the person's reviews and they have not marked as seen; nothing where there is none."""
    return render("home/decided.html", rows=reviews.decided(session, person.id, limit=TOP))


def work(session: Session, project_id: int | None, person: Person, settings: Settings) -> str:
    """The workers and their jobs: what runs, how far it is, what failed and why, and what somebody cancelled."""
    alive = workers.alive(session, settings.worker_dead_seconds)
    recent = jobs.recent(session, project_id, 40)
    open_jobs = [job for job in recent if job.state in (JobState.RUNNING, JobState.QUEUED)]
    ended = [job for job in recent if not _tried_again(job, recent)]
    return render(
        "home/work.html",
        said=said,
        alive=alive,
        last_seen=None if alive else workers.last_seen(session),
        open_jobs=open_jobs[:8],
        more=max(0, len(open_jobs) - 8),
        failed=[job for job in ended if job.state == JobState.FAILED][:5],
        cancelled=[job for job in ended if job.state == JobState.CANCELLED and job.kind not in OF_ONE_ITEM][:5],
        may_change=lambda job: may_change(job, person),
        share=share,
    )


def may_change(job: Job, person: Person) -> bool:
    """Whoever started a job, and every lead of its project, may cancel it or start it again."""
    return job.created_by == person.id or person.may(Role.LEAD, job.project_id)


def _tried_again(job: Job, recent: Sequence[Job]) -> bool:
    return any(later.id > job.id and later.kind == job.kind and later.payload == job.payload for later in recent)


def share(job: Job) -> int:
    """How much of a job is done, in percent."""
    return min(100, round(100 * job.done / job.total)) if job.total else 0


def latest_lessons(session: Session, project_id: int) -> str:
    return render("home/lessons.html", project_id=project_id, rows=lessons.recent(session, project_id, 6))


def trend(session: Session, project_id: int, person: Person) -> str:
    """Corrections per accepted item by round and by day, with fix and break rate: the line that should fall when lessons help.

    Experts read above it what the newest random draws say of the calibration.
    """
    report = LoopReport().compute(reviews.finished(session, project_id))
    drift = home_line(session, project_id) if person.may(Role.EXPERT, project_id) else ""
    return drift + render(
        "home/trend.html", points=points(report["days"]), report=report, fewest=FEWEST, first=QUARTERS * FEWEST
    )


def points(days: Sequence[Mapping[str, Any]], width: int = 600, height: int = 180, most: int = 30) -> list[Point]:
    """The last days on which items were accepted, placed by date from left to right; the largest mean is at the top."""
    shown = [day for day in days if day["corrections_per_item"] is not None][-most:]
    if not shown:
        return []
    top = max(1.0, *(day["corrections_per_item"] for day in shown))
    places = [date.fromisoformat(day["day"]).toordinal() for day in shown]
    span = places[-1] - places[0]
    return [
        Point(
            day["day"],
            day["accepted"],
            day["corrections_per_item"],
            width * (place - places[0]) / span if span else width / 2,
            height * (1 - day["corrections_per_item"] / top),
        )
        for day, place in zip(shown, places, strict=True)
    ]
