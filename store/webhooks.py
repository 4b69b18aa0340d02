"""Addresses that are told of events, and the messages to them: written with their cause, sent later, tried again, kept as a log.

A message whose tries are used up has failed; if nothing reached its address since the first of them, the address is switched off
with the last error, and what waits for it stays until a person switches it on again.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from core.webhooks import MOST_ATTEMPTS, TEST, Event, checked_events, checked_url, new_secret, pause
from store import audit, projects
from store.clock import now
from store.tables import Webhook, WebhookDelivery
from store.text import clean

MOST = 200  # addresses
KEEP = timedelta(days=30)  # what was delivered or has failed
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
_CACHE = "webhooks"  # addresses in use, read once in a transaction


def add(session: Session, url: str, events: Collection[str], *, project_id: int | None, user_id: int | None) -> Webhook:
    """A new address with its secret. Raises ``ValueError`` on a bad address or event, ``LookupError`` on an unknown project."""
    if project_id is not None:
        projects.get(session, project_id)
    if len(list_all(session)) >= MOST:
        raise ValueError(f"there are at most {MOST} webhooks: remove one first")
    row = Webhook(
        project_id=project_id,
        url=checked_url(url),
        events=checked_events(events),
        secret=new_secret(),
        created_by=user_id,
    )
    session.add(row)
    session.flush()
    session.info.pop(_CACHE, None)
    audit.record(session, "webhook.add", "webhook", row.id, user_id=user_id, new=_told(row))
    return row


def change(
    session: Session,
    webhook_id: int,
    *,
    user_id: int | None,
    url: str | None = None,
    events: Collection[str] | None = None,
    active: bool | None = None,
) -> Webhook:
    """What is ``None`` stays. Switched on, what waits is sent at once. Raises ``LookupError``, and ``ValueError`` as ``add`` does."""
    row = get(session, webhook_id)
    old = _told(row)
    row.url = checked_url(url) if url is not None else row.url
    row.events = checked_events(events) if events is not None else row.events
    if active is not None and active != row.active:
        row.active, row.off_why = active, ""
        if active:
            session.execute(_waiting(webhook_id).values(next_at=now(), attempts=0, first_at=None))
    session.flush()
    session.info.pop(_CACHE, None)
    if _told(row) != old:
        audit.record(session, "webhook.change", "webhook", row.id, user_id=user_id, old=old, new=_told(row))
    return row


def renew_secret(session: Session, webhook_id: int, *, user_id: int | None) -> Webhook:
    """Another secret, with which everything is signed from now on. Raises ``LookupError``."""
    row = get(session, webhook_id)
    row.secret = new_secret()
    session.flush()
    audit.record(session, "webhook.secret", "webhook", row.id, user_id=user_id)
    return row


def remove(session: Session, webhook_id: int, *, user_id: int | None) -> None:
    """The address and its messages, sent or not. Raises ``LookupError``."""
    row = get(session, webhook_id)
    audit.record(session, "webhook.remove", "webhook", row.id, user_id=user_id, old=_told(row))
    session.delete(row)
    session.flush()
    session.info.pop(_CACHE, None)


def _told(row: Webhook) -> dict[str, Any]:
    """For the log; an address may hold a secret of its receiver, so its path and query are left out."""
    host = "/".join(row.url.split("/", 3)[:3])
    return {"project": row.project_id, "host": host, "events": list(row.events), "active": row.active}


def get(session: Session, webhook_id: int) -> Webhook:
    """Raises ``LookupError``."""
    row = session.get(Webhook, webhook_id)
    if row is None:
        raise LookupError(f"there is no webhook {webhook_id}")
    return row


def list_all(session: Session, project_id: int | None = None) -> Sequence[Webhook]:
    """By id; of one project, or all."""
    query = select(Webhook).order_by(Webhook.id)
    return session.scalars(query if project_id is None else query.where(Webhook.project_id == project_id)).all()


def deliveries(session: Session, webhook_id: int, *, after: int = 0, limit: int = 50) -> Sequence[WebhookDelivery]:
    """The newest first; ``after`` is the id of the last one of the page before."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if after:
        query = query.where(WebhookDelivery.id < after)
    return session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def emit(session: Session, event: Event, project_id: int | None, **data: Any) -> None:
    """Tell those who want to know, in the transaction of what happened: if that is rolled back, nothing was told."""
    for webhook_id, events in _in_use(session, project_id):
        if event.value in events:
            _write(session, webhook_id, event.value, {"project_id": project_id, **data})


def test(session: Session, webhook_id: int) -> WebhookDelivery:
    """A message that says nothing, to see whether it arrives. Raises ``LookupError``, and ``ValueError`` where it is switched off."""
    row = get(session, webhook_id)
    if not row.active:
        raise ValueError("this webhook is switched off: switch it on first")
    return _write(session, row.id, TEST, {"project_id": row.project_id})


def send_again(session: Session, webhook_id: int, delivery_id: int) -> WebhookDelivery:
    """The same message under the same id, with all its tries. Raises ``LookupError``, ``ValueError``."""
    row = session.get(WebhookDelivery, delivery_id)
    if row is None or row.webhook_id != webhook_id:
        raise LookupError(f"this webhook has no delivery {delivery_id}")
    if not get(session, webhook_id).active:
        raise ValueError("this webhook is switched off: switch it on first")
    row.state, row.attempts, row.next_at, row.first_at = WAITING, 0, now(), None
    row.error, row.status, row.delivered_at = "", None, None
    session.flush()
    return row


def due(session: Session) -> list[int]:
    """Addresses in use for which something is to be sent now."""
    query = (
        select(WebhookDelivery.webhook_id)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.state == WAITING, WebhookDelivery.next_at <= now(), Webhook.active.is_(True))
    )
    return sorted(session.scalars(query.distinct()))


def next_due(session: Session, webhook_id: int) -> tuple[Webhook, WebhookDelivery] | None:
    """The oldest message that is to be sent to this address now."""
    query = (
        select(Webhook, WebhookDelivery)
        .join(WebhookDelivery, WebhookDelivery.webhook_id == Webhook.id)
        .where(Webhook.id == webhook_id, Webhook.active.is_(True))
        .where(WebhookDelivery.state == WAITING, WebhookDelivery.next_at <= now())
    )
    found = session.execute(query.order_by(WebhookDelivery.id).limit(1)).one_or_none()
    return (found[0], found[1]) if found is not None else None


def delivered(session: Session, delivery_id: int, status: int) -> None:
    """It was taken; what is older than a month and at rest goes."""
    row = session.get(WebhookDelivery, delivery_id)
    if row is None:  # its address was removed meanwhile
        return
    moment = now()
    row.state, row.status, row.error = DELIVERED, status, ""
    row.attempts, row.delivered_at, row.first_at = row.attempts + 1, moment, row.first_at or moment
    get(session, row.webhook_id).delivered_at = moment
    old = (WebhookDelivery.state != WAITING, WebhookDelivery.created_at < moment - KEEP)
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == row.webhook_id, *old))
    session.flush()


def not_delivered(session: Session, delivery_id: int, error: str, *, status: int | None = None) -> None:
    """It was refused or could not be sent. Tried again later; where nobody answered at all, the address' other messages wait as long.

    Switches the address off when the tries are used up and nothing got through since, and at once for 410 (gone).
    """
    row = session.get(WebhookDelivery, delivery_id)
    if row is None:
        return
    moment = now()
    row.attempts, row.first_at = row.attempts + 1, row.first_at or moment
    row.error, row.status, row.next_at = clean(error)[:500], status, moment + timedelta(seconds=pause(row.attempts))
    webhook = get(session, row.webhook_id)
    used_up = row.attempts >= MOST_ATTEMPTS
    if used_up:
        row.state = FAILED
    session.flush()
    if status is None:
        later = _waiting(webhook.id).where(WebhookDelivery.next_at < row.next_at)
        session.execute(later.values(next_at=row.next_at))
    nothing_since = webhook.delivered_at is None or webhook.delivered_at < row.first_at
    if webhook.active and (status == 410 or (used_up and nothing_since)):
        gone = f"the address says that it is gone for good ({row.error})"
        why = gone if status == 410 else f"all {MOST_ATTEMPTS} tries of a message failed, the last one: {row.error}"
        webhook.active, webhook.off_why = False, why
        new = {**_told(webhook), "why": why}
        audit.record(session, "webhook.off", "webhook", webhook.id, user_id=None, old={"active": True}, new=new)
    session.flush()


def _waiting(webhook_id: int) -> Any:
    return update(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == WAITING)


def _in_use(session: Session, project_id: int | None) -> list[tuple[int, list[str]]]:
    """Ids with their events, read once in a transaction: who takes ten thousand lessons back asks ten thousand times.

    From the table and not from its class: who makes something happen need not see who is told of it.
    """
    known: dict[int | None, list[tuple[int, list[str]]]] = session.info.setdefault(_CACHE, {})
    if project_id not in known:
        table = Webhook.__table__.c
        query = select(table.id, table.events, table.active).where(
            or_(table.project_id == project_id, table.project_id.is_(None))
        )
        with session.no_autoflush:  # what waits to be written here says nothing of who is told
            rows = session.execute(query.order_by(table.id)).all()
        known[project_id] = [(row.id, row.events) for row in rows if row.active]
    return known[project_id]


def _write(session: Session, webhook_id: int, event: str, data: Mapping[str, Any]) -> WebhookDelivery:
    row = WebhookDelivery(
        webhook_id=webhook_id, message_id=f"msg_{secrets.token_hex(12)}", event=event, data=dict(data)
    )
    session.add(row)
    session.flush()
    return row
