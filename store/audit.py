"""The log of who changed what, from which value to which. Rows are only ever added; the database itself refuses the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import AuditEvent


def record(
    session: Session,
    action: str,
    subject: str,
    subject_id: int | None,
    *,
    user_id: int | None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Note that ``user_id`` (``None``: the product itself) did ``action``, such as ``lesson.retract``, to a row of ``subject``."""
    session.add(
        AuditEvent(
            action=action,
            subject=subject,
            subject_id=subject_id,
            user_id=user_id,
            old=dict(old or {}),
            new=dict(new or {}),
        )
    )


def page(
    session: Session,
    *,
    before: int | None = None,
    limit: int = 50,
    subject: str | None = None,
    subject_id: int | None = None,
    action: str | None = None,
    user_id: int | None = None,
) -> Sequence[AuditEvent]:
    """The newest events first; ``before`` is the id of the last one of the page before this."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    wanted = {"subject": subject, "subject_id": subject_id, "action": action, "user_id": user_id}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(AuditEvent, name) == value)
    return session.scalars(query).all()
