"""After reviews were taken back: heads that did not learn from them, kept as versions out of force until a person says yes (paper 29).

The step critic is offered dampened (SSD) and retrained. The risk is only refitted: its votes' model never learns from a review, its
history keeps the reviewed answers themselves as rows, and its blend and calibration have a handful of numbers; what should be forgotten
goes with the rows, in seconds and exactly, so that there is nothing left to dampen.
"""

from __future__ import annotations

from typing import Any

from app.worker.handlers.fit_risk import refitted
from app.worker.heads import CRITIC, heads_of
from app.worker.payloads import Unlearn
from app.worker.runner import Context
from core.critics.step_head_unlearning import candidates
from store import critic_models, lessons, notebook


def unlearn(context: Context, payload: Unlearn) -> dict[str, Any]:
    """Result: ``critics`` and ``risk``: versions that were made; ``why``: what was left alone, and why."""
    with context.db.read() as session:
        row = lessons.get_retraction(session, payload.retraction_id)
    if row.undone_at is not None:
        return {"critics": [], "risk": None, "why": ["The retraction was undone."]}
    why: list[str] = []
    return {"critics": _critics(context, payload, why), "risk": _risk(context, payload, why), "why": why}


def _critics(context: Context, payload: Unlearn, why: list[str]) -> list[str]:
    project_id = payload.project_id
    with context.db.read() as session:
        known = critic_models.current(session, project_id, CRITIC)
        before = heads_of(session, project_id)
        kept = notebook.labels(session, notebook.step_reviews(session, project_id))
        gone = notebook.step_reviews(session, project_id, taken_back=payload.retraction_id)
        flagged = notebook.labels(session, gone)
    if known is None:
        why.append("The step critic in force is the one as delivered: it has learned from nobody here.")
        return []
    if not flagged:
        why.append(
            "None of the reviews says which step is the first wrong one: the step critic has not learned from them."
        )
        return []
    made = candidates(kept, flagged, before, seed=project_id, say=lambda said: context.progress(0, 2, said))
    context.check()
    with context.db.write() as session:
        for one in made:
            critic_models.save(
                session,
                project_id,
                CRITIC,
                version=f"{CRITIC}-{context.job.id}-{one.method}",
                state=one.heads.state(),
                figures={
                    **one.figures,
                    "retraction": payload.retraction_id,
                    "method": one.method,
                    "from": known.version,
                },
                labels=len(kept),
                current=False,
            )
    return [f"{CRITIC}-{context.job.id}-{one.method}" for one in made]


def _risk(context: Context, payload: Unlearn, why: list[str]) -> str | None:
    context.progress(1, 2, "refitting the risk")
    version = refitted(context, payload.project_id, payload.retraction_id)
    if version is None:
        why.append("No risk was fitted yet: the next fit leaves out what was taken back.")
    return version
