"""Which items a person reviews blind: without seeing what machines say, so that the influence of critics can be measured.

Where the queue follows the project's share, an item is drawn by a hash of queue and item, like the audit slice
(``store.queue.lanes``) but apart from it. Experts settle what others left open, so that their queues start with nothing hidden.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.projects import ProjectSettings
from store import projects
from store.tables import Assignment, Review


def draw(queue_id: int, item_id: int) -> float:
    """Uniform in [0, 1), the same whenever it is asked for, and independent of the draw for the audit slice."""
    digest = hashlib.blake2b(f"blind:{queue_id}:{item_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64


def is_blind(session: Session, slot: Assignment, user_id: int) -> bool:
    """Whether this person reviews the slot blind. Who has reviewed it with everything in view once is not blind again."""
    if slot.queue.blind == "never":
        return False
    if slot.queue.blind == "share" and not _drawn(session, slot):
        return False
    seen = select(Review.id).where(Review.assignment_id == slot.id, Review.user_id == user_id, Review.blind.is_(False))
    return session.scalar(seen.limit(1)) is None


def _drawn(session: Session, slot: Assignment) -> bool:
    settings = projects.get(session, slot.queue.project_id).settings
    return draw(slot.queue_id, slot.item_id) < ProjectSettings.model_validate(settings).blind_share
