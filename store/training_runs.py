"""Training runs on exports: append-only, because a rule is named after the last run that it knows of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.quality.indicators import NAMES
from core.quality.rule import FittedRule, Run, TooFewRuns, fit_rule
from store import audit
from store.tables import Export, Job, TrainingRun


class NoMeans(ValueError):
    """The export was written without scores of its rows, so that a run on it teaches nothing."""


def add(
    session: Session,
    export: Export,
    *,
    loss: float,
    means: Mapping[str, float] | None = None,
    note: str = "",
    user_id: int | None,
) -> TrainingRun:
    """``means`` of the indicators, by default those of the export's rows. Raises ``ValueError``, ``NoMeans``."""
    if not (isinstance(loss, int | float) and math.isfinite(loss) and loss > 0):
        raise ValueError("the loss of a training run is a number above 0")
    used = dict(means) if means else means_of(session, export)
    if not used:
        raise NoMeans(
            "this export was written without scores: write it with a rule, or send the means of its indicators"
        )
    if unknown := set(used) - set(NAMES):
        raise ValueError(f"there is no indicator {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}")
    if not all(math.isfinite(value) for value in used.values()):
        raise ValueError("means of indicators are finite numbers")
    run = TrainingRun(
        project_id=export.project_id, export_id=export.id, loss=float(loss), means=used, note=note, created_by=user_id
    )
    session.add(run)
    session.flush()
    audit.record(session, "training_run.add", "training_run", run.id, user_id=user_id, new={"loss": loss})
    return run


def means_of(session: Session, export: Export) -> dict[str, float]:
    """Means of the indicators of an export's rows, as its job kept them; nothing where it asked no model."""
    job = session.get(Job, export.job_id) if export.job_id is not None else None
    return dict((job.result or {}).get("means", {})) if job is not None else {}


def list_all(session: Session, project_id: int, upto: int | None = None) -> Sequence[TrainingRun]:
    """Oldest first, up to the run ``upto``."""
    query = select(TrainingRun).where(TrainingRun.project_id == project_id)
    if upto is not None:
        query = query.where(TrainingRun.id <= upto)
    return session.scalars(query.order_by(TrainingRun.id)).all()


def last(session: Session, project_id: int) -> int | None:
    return session.scalar(select(func.max(TrainingRun.id)).where(TrainingRun.project_id == project_id))


def rule(session: Session, project_id: int, upto: int | None = None) -> FittedRule:
    """The rule of the runs up to ``upto``. Raises ``TooFewRuns`` saying how many are missing."""
    rows = list_all(session, project_id, upto)
    version = f"fitted-{rows[-1].id}" if rows else "fitted"
    return fit_rule([Run(row.loss, row.means) for row in rows], version)


def rule_or_why(session: Session, project_id: int) -> tuple[FittedRule | None, str]:
    """The newest rule, or why there is none."""
    try:
        return rule(session, project_id), ""
    except TooFewRuns as why:
        return None, str(why)
