"""Fitted harmonizers: numbers as JSON, every version kept, one current per project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

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
) -> RiskModel:
    """Make this the project's current model; saving a version again replaces it, so that a job may run twice."""
    session.execute(update(RiskModel).where(RiskModel.project_id == project_id).values(current=False))
    known = session.scalar(select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.version == version))
    model = known or RiskModel(project_id=project_id, version=version)
    model.method, model.state, model.rows, model.reviewed = method, dict(state), rows, reviewed
    model.figures = dict(figures or {})
    model.current = True
    session.add(model)
    session.flush()
    return model


def current(session: Session, project_id: int) -> RiskModel | None:
    query = select(RiskModel).where(RiskModel.project_id == project_id, RiskModel.current.is_(True))
    return session.scalar(query.order_by(RiskModel.id.desc()).limit(1))
