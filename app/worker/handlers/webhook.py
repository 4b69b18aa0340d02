"""Send what one address is to be told, oldest first, each message signed anew; what fails waits its turn in the outbox."""

from __future__ import annotations

import json
import time
from typing import Any

from app.worker.payloads import Webhook
from app.worker.posting import NotSent, post
from app.worker.runner import Context
from core.webhooks import sign
from store import tables, webhooks

AT_ONCE = 200  # messages of one job; the next one follows at once
SECONDS = 60.0
OK, MULTIPLE_CHOICES = 200, 300


def send(context: Context, payload: Webhook) -> dict[str, Any]:
    """Result: how many were ``delivered`` and how many ``failed`` and wait. A message may arrive twice, under the same id."""
    done = {"delivered": 0, "failed": 0}
    until = time.monotonic() + SECONDS
    for _ in range(AT_ONCE):
        context.check()
        with context.db.read() as session:
            found = webhooks.next_due(session, payload.webhook_id)
        if found is None or time.monotonic() > until:
            break
        done["delivered" if _send(context, *found) else "failed"] += 1
    return done


def _send(context: Context, webhook: tables.Webhook, message: tables.WebhookDelivery) -> bool:
    moment = int(time.time())
    said = {"type": message.event, "timestamp": message.created_at.isoformat(), "data": message.data}
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "content-type": "application/json",
        "user-agent": "corrigenda-webhooks/1",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": sign(webhook.secret, message.message_id, moment, body),
    }
    try:
        status = post(webhook.url, body, headers, private=context.settings.webhooks_private).status
    except NotSent as problem:
        with context.db.write() as session:
            webhooks.not_delivered(session, message.id, str(problem))
        return False
    with context.db.write() as session:
        if OK <= status < MULTIPLE_CHOICES:
            webhooks.delivered(session, message.id, status)
            return True
        webhooks.not_delivered(session, message.id, _refusal(status), status=status)
        return False


def _refusal(status: int) -> str:
    if status < 400:
        return f"it answered {status}; redirects are not followed: change the address"
    return f"it answered {status}"
