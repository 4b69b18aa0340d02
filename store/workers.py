"""Workers and when they were last heard of, so that a page can say "no worker since ..." instead of waiting for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import Worker
from store.upsert import insert


def beat(session: Session, worker_id: str, *, host: str, pid: int, url: str | None, note: str = "") -> None:
    """This worker lives. ``url`` is that of its local service; ``note`` says what it does, in words."""
    values = {"host": host, "pid": pid, "url": url, "note": note, "seen_at": now()}
    new = insert(session, Worker).values(id=worker_id, started_at=now(), **values)
    session.execute(new.on_conflict_do_update(index_elements=[Worker.id], set_={**values, "stopped_at": None}))


def stop(session: Session, worker_id: str) -> None:
    """This worker ends in good order."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(stopped_at=now()))


def alive(session: Session, within_seconds: float) -> Sequence[Worker]:
    """Workers heard of within that time and not stopped, the latest first."""
    since = now() - timedelta(seconds=within_seconds)
    query = select(Worker).where(Worker.seen_at > since, Worker.stopped_at.is_(None))
    return session.scalars(query.order_by(Worker.seen_at.desc()).execution_options(populate_existing=True)).all()


def last_seen(session: Session) -> datetime | None:
    """When any worker was last heard of; ``None`` before the first."""
    return session.scalar(select(func.max(Worker.seen_at)))
