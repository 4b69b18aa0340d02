"""Gates through which lessons go into prompts: what people said that teaches them, the versions, and which is in force."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.choosing import GATES
from app.view.languages import _
from app.view.render import count, render
from app.view.words import percent
from core.lessons import relevance, sufficiency_gate
from core.types import JobState
from store import critic_models, jobs, lookups, relevance_votes, self_practice

JOBS = {lookups.GATE: "fit_relevance", lookups.SUFFICIENCY: "fit_sufficiency"}
SHOWN = 8  # versions


def gates(session: Session, project_id: int | None, *, admin: bool) -> str:
    """From stored rows alone; nothing without a project."""
    if project_id is None:
        return ""
    open_ = {
        job.kind for job in jobs.recent(session, project_id, 50) if job.state in (JobState.QUEUED, JobState.RUNNING)
    }
    used, not_relevant = relevance_votes.counts(session, project_id)
    right, wrong = self_practice.counts(session, project_id)
    known = {
        lookups.GATE: _("{votes} “used” and {not_relevant} “not relevant”").format(
            votes=count(used, "vote"), not_relevant=not_relevant
        ),
        lookups.SUFFICIENCY: _("{answers} and {wrong} found faulty").format(
            answers=count(right, "accepted answer"), wrong=wrong
        ),
    }
    enough = {
        lookups.GATE: relevance.enough(used, not_relevant),
        lookups.SUFFICIENCY: sufficiency_gate.enough(right, wrong),
    }
    rows = [_gate(session, project_id, gate, known[gate], enough[gate], JOBS[gate] in open_) for gate in GATES]
    return render(
        "lessons/gates.html",
        gates=rows,
        admin=admin,
        fewest=relevance.FEWEST_VOTES,
        of_a_kind=relevance.FEWEST_OF_A_KIND,
    )


def _gate(session: Session, project_id: int, gate: str, known: str, enough: bool, waits: bool) -> dict[str, Any]:
    return {
        "name": gate,
        "rows": [_version(row) for row in critic_models.versions(session, project_id, SHOWN, gate)],
        "delivered": critic_models.current(session, project_id, gate) is None,
        "known": known,
        "enough": enough,
        "waits": waits,
    }


def _version(row: Any) -> dict[str, Any]:
    """A version with its figures, and those of what it must beat, in words."""
    figures, state = row.figures, row.state
    return {
        "row": row,
        "better": figures.get("better"),
        "at": state.get("accept_at", state.get("enough_at")),
        "own": _said(figures.get("own"), figures.get("held_out")),
        "default": _said(figures.get("default"), None),
    }


def _said(found: dict[str, Any] | None, of: int | None) -> str:
    if not found:
        return "–"
    asked = " " + _("of {n}").format(n=of) if of else ""
    if "balanced_accuracy" in found:
        told = _("told apart {share}; precision {precision} of {called} called enough").format(
            share=percent(found["balanced_accuracy"]), precision=percent(found["precision"]), called=found["called"]
        )
        return f"{told}{asked}"
    wrong = _("{accepts} let in, {rejects} kept out").format(
        accepts=found["wrong_accepts"], rejects=found["wrong_rejects"]
    )
    costs = _("cost {cost}, loss {loss}").format(cost=f"{found['cost']:g}", loss=f"{found['loss']:.3f}")
    return f"{wrong}{asked}; {costs}"
