"""What an admin puts in force: a risk threshold, a version of the step critic, of the risk or of a gate, and how a queue works."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.worker.heads import CRITIC
from app.worker.waking import fit_critic, order_queue, score_risk
from core.projects import ProjectSettings
from core.types import QueueKind
from store import critic_models, lookups, projects, queue, risk_models
from store.tables import Project, Queue

GATES = (lookups.GATE, lookups.SUFFICIENCY)


def set_threshold(session: Session, project_id: int, value: float, only_risky: bool, user_id: int) -> int:
    """Keep the threshold, on record, and put every waiting answer where it belongs now; how many changed sides."""
    project = projects.get(session, project_id)
    options = ProjectSettings.model_validate({**project.settings, "risk_threshold": value, "only_risky": only_risky})
    projects.update(session, project_id, user_id=user_id, settings=options.model_dump())
    return queue.apply_threshold(session, project_id)


def change_project(session: Session, project_id: int, user_id: int, **changes: Any) -> Project:
    """As ``store.projects.update``; waiting answers change sides where the threshold moved."""
    row = projects.update(session, project_id, user_id=user_id, **changes)
    if "settings" in changes:
        queue.apply_threshold(session, project_id)
    return row


def change_queue(session: Session, project_id: int, kind: QueueKind, user_id: int, **changes: Any) -> Queue:
    """As ``store.projects.set_queue``; a larger overlap adds slots, another share draws anew, another order or access is worked in."""
    line = projects.queue_of(session, project_id, kind)
    overlap, share, worked = line.overlap, line.audit_share, (line.order_policy, line.access)
    line = projects.set_queue(session, project_id, kind, user_id=user_id, **changes)
    if line.overlap > overlap:
        queue.fill_slots(session, project_id, kind)
    if line.audit_share != share and kind is QueueKind.ANNOTATE:
        queue.redraw_audit(session, project_id)
    if (line.order_policy, line.access) != worked:
        order_queue(session, project_id, kind, user_id)
    return line


def use_critic(session: Session, project_id: int, model_id: int | None, user_id: int) -> None:
    """A version of the step critic, ``None`` for the head that comes with the product. Raises ``LookupError``."""
    critic_models.choose(session, project_id, CRITIC, model_id, user_id=user_id)
    fit_critic(session, project_id, train=False, user_id=user_id)


def use_risk(session: Session, project_id: int, model_id: int, user_id: int) -> None:
    """A version of the risk; the worker scores every answer with it. Raises ``LookupError``."""
    risk_models.choose(session, project_id, model_id, user_id=user_id)
    score_risk(session, project_id, user_id=user_id)


def use_gate(session: Session, project_id: int, gate: str, model_id: int | None, user_id: int) -> None:
    """A version of a gate, ``None`` for the one that comes with the product. Raises ``LookupError``."""
    if gate not in GATES:
        raise LookupError(f"there is no gate {gate!r}: there are {', '.join(GATES)}")
    critic_models.choose(session, project_id, gate, model_id, user_id=user_id)
