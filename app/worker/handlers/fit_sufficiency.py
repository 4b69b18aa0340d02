"""Fit the project's own sufficiency gate (paper 42) to the verdicts on answers whose lessons were looked up."""

from __future__ import annotations

from typing import Any

from app.worker.payloads import FitSufficiency
from app.worker.runner import Context
from core.lessons.sufficiency_gate import practised
from core.recipes.self_practice import balanced
from store import critic_models, self_practice
from store.lookups import SUFFICIENCY


def fit_sufficiency(context: Context, payload: FitSufficiency) -> dict[str, Any]:
    """Result: rows, version, whether it is in force, and its figures; no version where there is too little to learn from.

    A gate that tells right answers from wrong ones no better than the delivered rule stays out of force.
    """
    version = f"{SUFFICIENCY}-{context.job.id}"
    with context.db.read() as session:
        done = critic_models.newest(session, payload.project_id, SUFFICIENCY)
        if done is not None and done.version == version:
            return {"rows": done.labels, "version": version, "current": done.current, "figures": done.figures}
        rows = self_practice.rows(session, payload.project_id)
    context.progress(0, 1, "fitting")
    gate, figures = practised(balanced(rows, payload.project_id))
    if gate is None:
        return {"rows": len(rows), "version": None, "current": False, "figures": figures}
    with context.db.write() as session:
        critic_models.hold(session, payload.project_id)
        kept = critic_models.save(
            session,
            payload.project_id,
            SUFFICIENCY,
            version=version,
            state=gate.state(),
            figures=figures,
            labels=len(rows),
            current=figures["better"],
        )
    context.progress(1, 1)
    return {"rows": kept.labels, "version": version, "current": kept.current, "figures": figures}
