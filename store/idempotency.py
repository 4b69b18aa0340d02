"""Requests that a client may send again without a second effect: its key, what was asked, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import IdempotencyKey
from store.upsert import insert

KEEP = timedelta(days=7)


class KeyReused(ValueError):
    """The key came before with another request."""


def begin(session: Session, user_id: int, key: str, request_sha256: str) -> IdempotencyKey | None:
    """The answer of the same request that came before, or ``None``: carry it out and call ``finish`` in this transaction.

    A second one that comes meanwhile waits for this transaction and then finds its answer. Raises ``KeyReused``.
    """
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - KEEP))
    values = {"user_id": user_id, "key": key, "request_sha256": request_sha256, "created_at": now()}
    new = insert(session, IdempotencyKey).values(**values, status=0, answer={})
    unless_there = new.on_conflict_do_nothing(index_elements=[IdempotencyKey.user_id, IdempotencyKey.key])
    if session.scalar(unless_there.returning(IdempotencyKey.id)) is not None:
        return None
    known = _row(session, user_id, key)
    if known.request_sha256 != request_sha256:
        raise KeyReused(
            f"The Idempotency-Key {key!r} came before with another request. Use a new key for a new request."
        )
    return known


def finish(session: Session, user_id: int, key: str, status: int, answer: Mapping[str, Any]) -> None:
    """Keep what the request was answered, in the transaction of its effect."""
    row = _row(session, user_id, key)
    row.status, row.answer = status, dict(answer)
    session.flush()


def forget(session: Session, user_id: int, key: str) -> None:
    """As if the request had not come, in a transaction that is kept although the request was refused."""
    session.delete(_row(session, user_id, key))
    session.flush()


def _row(session: Session, user_id: int, key: str) -> IdempotencyKey:
    query = select(IdempotencyKey).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    return session.scalars(query).one()
