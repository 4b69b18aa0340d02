"""What a receiver of webhooks needs: is this message from our server, and not an old one sent again?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence

from app.client.errors import BadSignature
from app.client.values import WebhookEvent

TOLERANCE = 300.0  # seconds


def verify_webhook(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> WebhookEvent:
    """The event of a message whose signature is right; raises ``BadSignature`` for any other. ``body`` must be as it arrived.

    Several secrets: while one takes the place of another. A message may come twice, under the same ``id``: remember those seen.
    """
    given = {name.lower(): value for name, value in headers.items()}
    raw = body.encode() if isinstance(body, str) else body
    message_id, stamp, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (message_id and stamp.isdecimal() and stamp.isascii() and signatures):
        raise BadSignature("the headers webhook-id, webhook-timestamp and webhook-signature are needed")
    if abs((time.time() if now is None else now) - int(stamp[:18])) > tolerance:
        raise BadSignature("the message is too old or from the future: set this machine's clock, or raise tolerance")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    signed = f"{message_id}.{stamp}.".encode() + raw
    wanted = [base64.b64encode(hmac.new(_key(one), signed, hashlib.sha256).digest()) for one in secrets]
    sent = [part[3:].encode() for part in signatures.split(" ") if part.startswith("v1,")]
    if not any(hmac.compare_digest(one, other) for one in wanted for other in sent):
        raise BadSignature("no signature fits: is this the secret of that webhook, and the body as it arrived?")
    try:
        said = json.loads(raw)
        return WebhookEvent(message_id, str(said["type"]), str(said["timestamp"]), dict(said["data"]))
    except (ValueError, KeyError, TypeError):
        raise BadSignature("the message is signed, and is none of ours") from None


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise BadSignature("a secret is whsec_ and base64, as it was shown") from None
