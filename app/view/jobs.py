"""What the jobs page shows: workers, what runs and waits, and what has failed and why."""

from __future__ import annotations

import re
from collections import Counter

from sqlalchemy.orm import Session

from app.view.languages import N_, gettext, of_error
from app.view.render import render
from core.types import JobState
from store import jobs, metrics, projects, workers

PARTS = ("workers", "running", "failed")
SHOWN = 50
# What workers say of themselves and of how far they are, as they store it; {} stands for a number.
SAID = frozenset(
    {
        N_("waiting for work"),
        N_("{} running"),
        N_("takes what asks the model"),
        N_("takes what asks no model"),
        N_("takes no more, because it ends"),
        N_("answering"),
        N_("answering with and without lessons"),
        N_("answering without single lessons"),
        N_("asking again"),
        N_("dampening"),
        N_("distilling anew"),
        N_("embedding"),
        N_("fitting"),
        N_("fold {} of {}"),
        N_("judging"),
        N_("learning where to look"),
        N_("putting the queue in order"),
        N_("reading answers"),
        N_("reading steps"),
        N_("reading vectors"),
        N_("refitting the risk"),
        N_("renewing evidence"),
        N_("rules are voting"),
        N_("running edit suites"),
        N_("scoring"),
        N_("too few labels are left to train on"),
        N_("training"),
        N_("trying again"),
        N_("trying to go on from prefixes"),
        N_("{} items read"),
        N_("{} lessons read"),
        N_("{} rows read"),
        N_("{} rows written"),
    }
)


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
        "workers": render("jobs/workers.html", workers=alive, said=said),
        "running": render("jobs/running.html", jobs=running, waiting=waiting, names=names, counts=counts, said=said),
        "failed": render("jobs/failed.html", jobs=failed, names=names, total=counts[JobState.FAILED], why=of_error),
    }


def said(text: str) -> str:
    """What a worker stored in English, in the current language; anything but ``SAID`` as it is."""
    return "; ".join(_said(part) for part in text.split("; "))


def _said(part: str) -> str:
    pattern = re.sub(r"\d+", "{}", part)
    return gettext(pattern).format(*re.findall(r"\d+", part)) if pattern in SAID else part
