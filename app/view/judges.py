"""The audit of judges on the calibration page: whether they keep their word in both orders, and where critics look in an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.view.render import render
from app.view.review import chip_words
from core.reports.judge_audit import JudgeAuditReport, pairs_of, step_figures
from store import evidence

NEWEST = 4_000  # critiques that are looked at


def section(session: Session, project_id: int) -> str:
    """Nothing where no judge has voted and no critic has called a step wrong."""
    judges = JudgeAuditReport().compute(pairs_of(evidence.judge_votes(session, project_id)))["judges"]
    critics = step_figures(evidence.step_verdicts(session, project_id, NEWEST))
    if not judges and not critics:
        return ""
    shown = [{**one, "chips": _chips(one["chips"])} for one in judges]
    return render("calibration/judges.html", judges=shown, critics=critics)


def _chips(counted: Mapping[str, int]) -> list[dict[str, Any]]:
    said = ((chip_words(name), n) for name, n in counted.items())
    return [{"name": name, "means": means, "n": n} for (name, means), n in said]
