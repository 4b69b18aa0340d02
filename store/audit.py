"""The log of who changed what, from which value to which. Rows are only ever added; the database itself refuses the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, select
from sqlalchemy.orm import Session

from store.tables import AuditEvent
from store.text import clean, mentions


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of one person (0: the product itself), subject, row or action, on and after ``since`` and before ``until``, and
    with ``text`` in the action or in what it was changed from or to."""

    user_id: int | None = None
    subject: str | None = None
    subject_id: int | None = None
    action: str | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(session: Session, *, before: int | None = None, limit: int = 50, **wanted: Any) -> Sequence[AuditEvent]:
    """The newest events first; ``before`` is the id of the last one of the page before this, ``wanted`` the fields of ``Wanted``."""
    query = select(AuditEvent).where(*_conditions(Wanted(**wanted))).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return session.scalars(query).all()


def each(session: Session, part: int = 1000, **wanted: Any) -> Iterator[AuditEvent]:
    """All of them, newest first; no more than a part is in memory."""
    before = None
    while rows := page(session, before=before, limit=part, **wanted):
        yield from rows
        before = rows[-1].id
        session.expunge_all()


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in ("subject", "subject_id", "action"):
        if (value := getattr(wanted, name)) is not None:
            found.append(getattr(AuditEvent, name) == value)
    if wanted.user_id is not None:
        found.append(AuditEvent.user_id == wanted.user_id if wanted.user_id else AuditEvent.user_id.is_(None))
    if wanted.since is not None:
        found.append(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditEvent.at < wanted.until)
    if text := clean(wanted.text.strip()):
        found.append(mentions(text, AuditEvent.action, cast(AuditEvent.old, String), cast(AuditEvent.new, String)))
    return found


def subjects(session: Session) -> list[str]:
    """The kinds of rows that were changed so far, by name."""
    return list(session.scalars(select(AuditEvent.subject).distinct().order_by(AuditEvent.subject)))
