"""Versions of critics and gates that a project trained on what its people said: weights as JSON numbers, every version kept.

At most one version per critic is in force; where none is, the critic that comes with the product speaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from core.types import AssignmentState
from store import audit
from store.tables import Assignment, CriticModel, Project, Queue, Risk

WAITING = (AssignmentState.OPEN, AssignmentState.PASSED)


def save(
    session: Session,
    project_id: int,
    critic: str,
    *,
    version: str,
    state: Mapping[str, Any],
    figures: Mapping[str, Any],
    labels: int,
    current: bool,
) -> CriticModel:
    """Keep a version, in force or not; saving one again replaces it, so that a job may run twice."""
    if current:
        _retire(session, project_id, critic)
    known = session.scalar(_of(project_id, critic).where(CriticModel.version == version))
    model = known or CriticModel(project_id=project_id, critic=critic, version=version)
    model.state, model.figures, model.labels, model.current = dict(state), dict(figures), labels, current
    session.add(model)
    session.flush()
    return model


def current(session: Session, project_id: int, critic: str) -> CriticModel | None:
    """The version in force; ``None`` where the one that comes with the product is."""
    query = _of(project_id, critic).where(CriticModel.current.is_(True))
    return session.scalar(query.order_by(CriticModel.id.desc()).limit(1))


def newest(session: Session, project_id: int, critic: str) -> CriticModel | None:
    """The version that was made last, in force or not."""
    return session.scalar(_of(project_id, critic).order_by(CriticModel.id.desc()).limit(1))


def versions(session: Session, project_id: int, limit: int = 20, critic: str | None = None) -> Sequence[CriticModel]:
    """Newest first, of one critic or of all."""
    query = select(CriticModel).where(CriticModel.project_id == project_id)
    if critic is not None:
        query = query.where(CriticModel.critic == critic)
    return session.scalars(query.order_by(CriticModel.id.desc()).limit(limit)).all()


def choose(session: Session, project_id: int, critic: str, model_id: int | None, *, user_id: int) -> None:
    """Put a version in force, on record; ``None`` is the critic that comes with the product. ``LookupError`` for another project's."""
    before = current(session, project_id, critic)
    model = session.scalar(_of(project_id, critic).where(CriticModel.id == model_id)) if model_id is not None else None
    if model_id is not None and model is None:
        raise LookupError("this project has no such version")
    _retire(session, project_id, critic)
    if model is not None:
        model.current = True
    session.flush()
    audit.record(
        session,
        "critic_model.choose",
        "critic_model",
        model_id,
        user_id=user_id,
        old={"project": project_id, "critic": critic, "version": before.version if before else None},
        new={"version": model.version if model else None},
    )


def hold(session: Session, project_id: int) -> None:
    """Let nobody else who asks here write what a trained critic says, until this transaction ends."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update())


def waiting(session: Session, project_id: int, limit: int) -> list[int]:
    """Judged outputs that wait for people and that nobody holds, most urgent first: what is said of them may still change."""
    held = select(Assignment.output_id).where(Assignment.state == AssignmentState.CLAIMED)
    query = (
        select(Assignment.output_id)
        .join(Queue, Queue.id == Assignment.queue_id)
        .join(Risk, Risk.output_id == Assignment.output_id)
        .where(Queue.project_id == project_id, Assignment.state.in_(WAITING), Assignment.output_id.not_in(held))
        .order_by(Assignment.priority.desc(), Assignment.id)
        .limit(limit)
    )
    return list(dict.fromkeys(session.scalars(query)))


def _of(project_id: int, critic: str) -> Select[CriticModel]:
    return select(CriticModel).where(CriticModel.project_id == project_id, CriticModel.critic == critic)


def _retire(session: Session, project_id: int, critic: str) -> None:
    session.execute(
        update(CriticModel)
        .where(CriticModel.project_id == project_id, CriticModel.critic == critic)
        .values(current=False)
    )
