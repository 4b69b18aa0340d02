"""What is told to other programs, and how: events, signatures as Standard Webhooks has them, when to try again, where not to go.

A message says what happened by ids alone; its receiver fetches the rest over the API, so that no person's text leaves by itself.
The signature is HMAC-SHA256 over ``id.timestamp.body`` (standardwebhooks.com), so any of its libraries can check one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import random
import secrets
from collections.abc import Collection, Mapping
from enum import StrEnum
from urllib.parse import urlsplit

PREFIX = "whsec_"
MAX_URL = 1000
MOST_ATTEMPTS = 8  # about six hours from the first to the last
FIRST_SECONDS, FACTOR, LONGEST_SECONDS = 5.0, 4.0, 4 * 3600.0
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Event(StrEnum):
    """What can be subscribed to."""

    REVIEW_SUBMITTED = "review.submitted"
    OUTPUT_QUEUED = "output.queued"
    LESSON_PROPOSED = "lesson.proposed"
    LESSON_ACCEPTED = "lesson.accepted"
    LESSON_REJECTED = "lesson.rejected"
    LESSON_SUSPENDED = "lesson.suspended"
    LESSON_RETIRED = "lesson.retired"
    RETRACTION_MADE = "retraction.made"
    RETRACTION_UNDONE = "retraction.undone"
    EXPORT_FINISHED = "export.finished"
    EXPORT_STALE = "export.stale"
    JOB_FINISHED = "job.finished"
    JOB_FAILED = "job.failed"


TEST = "webhook.test"  # sent on request to one address, whatever it is subscribed to

SAYS: Mapping[Event, str] = {
    Event.REVIEW_SUBMITTED: "A person decided about an output; a reopened review comes again as its next revision.",
    Event.OUTPUT_QUEUED: "An output waits for people, in the queue named with it.",
    Event.LESSON_PROPOSED: "A lesson waits for an expert.",
    Event.LESSON_ACCEPTED: "A lesson became active.",
    Event.LESSON_REJECTED: "A proposed lesson was turned down.",
    Event.LESSON_SUSPENDED: "A lesson is out of prompts until somebody decides on it.",
    Event.LESSON_RETIRED: "A lesson was taken back.",
    Event.RETRACTION_MADE: "Lessons, corrections or reviews were taken back, with how many of each.",
    Event.RETRACTION_UNDONE: "A retraction was rolled back.",
    Event.EXPORT_FINISHED: "The file of an export can be fetched.",
    Event.EXPORT_STALE: "A source of an export was taken back: its file must not be used any more.",
    Event.JOB_FINISHED: "Long work is done.",
    Event.JOB_FAILED: "Long work failed and does not come again by itself.",
}


def new_secret() -> str:
    """256 random bits, as receivers' libraries read them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``; ``timestamp`` is in seconds since 1970. Raises ``ValueError`` for what is no secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a webhook's secret is {PREFIX} and base64") from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def pause(attempts: int) -> float:
    """Seconds until the next try after so many: 5, 20, 80 ... up to four hours, a fifth more or less, lest all come back at once."""
    return min(FIRST_SECONDS * FACTOR ** (attempts - 1), LONGEST_SECONDS) * random.uniform(0.8, 1.2)


def checked_url(url: str) -> str:
    """The address as it is kept. Raises ``ValueError`` saying what to do."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port  # noqa: F841 - raises for what is no port
    except ValueError:
        raise ValueError("this is no address: write https://host/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > MAX_URL:
        raise ValueError(f"write an address as https://host/path, of at most {MAX_URL} characters")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("an address has no user name, password or fragment: the signature says who sends")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("an address has ASCII characters without spaces: escape the others")
    return text


def checked_events(events: Collection[str]) -> list[str]:
    """In the order of ``Event``, each once. Raises ``ValueError`` for none or an unknown one."""
    known = {event.value for event in Event}
    if unknown := sorted(set(events) - known):
        raise ValueError(f"no such event: {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
    if not events:
        raise ValueError("choose at least one event")
    return [event.value for event in Event if event.value in set(events)]


def is_public(address: Address) -> bool:
    """Whether an address is on the open Internet: not this machine, this network, or a form of IPv6 that leads back to one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast
