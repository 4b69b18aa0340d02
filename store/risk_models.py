"""Fitted harmonizers: numbers as JSON, every version kept, one current per project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store import audit
from store.tables import RiskModel


def save(
    session: Session,
    project_id: int,
    *,
    version: str,
    method: str,
    state: Mapping[str, Any],
    rows: int,
    reviewed: int,
    figures: Mapping[str, Any] | None = None,
    current: bool = True,
) -> RiskModel:
    """Keep a version, in force or not; saving one again replaces it, so that a job may run twice."""
    if current:
        _retire(session, project_id)
    known = session.scalar(select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.version == version))
    model = known or RiskModel(project_id=project_id, version=version)
    model.method, model.state, model.rows, model.reviewed = method, dict(state), rows, reviewed
    model.figures = dict(figures or {})
    model.current = current
    session.add(model)
    session.flush()
    return model


def current(session: Session, project_id: int) -> RiskModel | None:
    query = select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.current.is_(True))
    return session.scalar(query.order_by(RiskModel.id.desc()).limit(1))


def note(session: Session, project_id: int, version: str, figures: Mapping[str, Any]) -> None:
    """Add to the figures of a version. Raises ``LookupError``."""
    model = session.scalar(select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.version == version))
    if model is None:
        raise LookupError(f"this project has no version {version}")
    model.figures = {**model.figures, **figures}
    session.flush()


def versions(session: Session, project_id: int, limit: int = 20) -> Sequence[RiskModel]:
    """Newest first."""
    query = select(RiskModel).where(RiskModel.project_id == project_id)
    return session.scalars(query.order_by(RiskModel.id.desc()).limit(limit)).all()


def choose(session: Session, project_id: int, model_id: int, *, user_id: int) -> None:
    """Put a version in force, on record. Raises ``LookupError`` for another project's."""
    before = current(session, project_id)
    model = session.scalar(select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.id == model_id))
    if model is None:
        raise LookupError("this project has no such version")
    _retire(session, project_id)
    model.current = True
    session.flush()
    old = {"project": project_id, "version": before.version if before else None}
    audit.record(
        session, "risk_model.choose", "risk_model", model_id, user_id=user_id, old=old, new={"version": model.version}
    )


def _retire(session: Session, project_id: int) -> None:
    session.execute(update(RiskModel).where(RiskModel.project_id == project_id).values(current=False))
