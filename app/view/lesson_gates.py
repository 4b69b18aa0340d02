"""Gates through which lessons go into prompts: what people said of them, the versions, and which is in force."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.view.render import render
from core.lessons.relevance import FEWEST_OF_A_KIND, FEWEST_VOTES
from core.types import JobState
from store import critic_models, jobs, lookups, relevance_votes

GATES = (lookups.GATE,)
SHOWN = 8  # versions


def gates(session: Session, project_id: int | None, *, admin: bool) -> str:
    """From stored rows alone; nothing without a project."""
    if project_id is None:
        return ""
    used, not_relevant = relevance_votes.counts(session, project_id)
    waits = any(
        job.kind == "fit_relevance" and job.state in {JobState.QUEUED, JobState.RUNNING}
        for job in jobs.recent(session, project_id, 50)
    )
    return render(
        "lessons/gates.html",
        rows=critic_models.versions(session, project_id, SHOWN, lookups.GATE),
        gate=lookups.GATE,
        delivered=critic_models.current(session, project_id, lookups.GATE) is None,
        used=used,
        not_relevant=not_relevant,
        fewest=FEWEST_VOTES,
        fewest_of_a_kind=FEWEST_OF_A_KIND,
        waits=waits,
        admin=admin,
    )
