"""Fit the project's own relevance gate (paper 26) to people's votes and to what came of its look-ups."""

from __future__ import annotations

from typing import Any

from app.worker.payloads import FitRelevance
from app.worker.runner import Context
from core.lessons.relevance import enough, refitted
from store import critic_models, relevance_votes
from store.lookups import GATE


def fit_relevance(context: Context, payload: FitRelevance) -> dict[str, Any]:
    """Result: votes, version, whether it is in force, and its figures; no version where there are too few votes.

    A gate that does worse than the delivered one, on votes that it has not seen, stays out of force. A job that runs again finds its
    own version.
    """
    version = f"{GATE}-{context.job.id}"
    with context.db.read() as session:
        done = critic_models.newest(session, payload.project_id, GATE)
        if done is not None and done.version == version:
            return {"votes": done.labels, "version": version, "current": done.current, "figures": done.figures}
        used, not_relevant = relevance_votes.counts(session, payload.project_id)
        known = relevance_votes.known(session, payload.project_id) if enough(used, not_relevant) else []
    context.progress(0, 1, "fitting")
    gate, figures = refitted(known)
    if "own" not in figures:
        return {"votes": used + not_relevant, "version": None, "current": False, "figures": figures}
    with context.db.write() as session:
        kept = critic_models.save(
            session,
            payload.project_id,
            GATE,
            version=version,
            state=gate.state(),
            figures=figures,
            labels=used + not_relevant,
            current=figures["better"],
        )
    context.progress(1, 1)
    return {"votes": kept.labels, "version": version, "current": kept.current, "figures": figures}
