"""A share of what was reviewed goes before somebody who does not see the first review, so that the quality of reviews is known."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.types import QueueKind
from store import queue
from store.projects import queue_of
from store.queue.lanes import draw
from store.tables import Assignment

REASON = "Drawn at random among the answers that were reviewed."


def look_again(session: Session, slot: Assignment) -> int | None:
    """After a review of an annotator's slot: the id of the audit's slot, if the item is one of its share.

    Whether it is does not depend on what was said of it, so that those looked at again are a random sample.
    """
    if slot.queue.kind != QueueKind.ANNOTATE or slot.gold:
        return None
    line = queue_of(session, slot.queue.project_id, QueueKind.AUDIT)
    drawn = draw(line.id, slot.item_id)
    if drawn >= line.audit_share:
        return None
    return queue.dispute(session, line.project_id, slot.output_id, reason=REASON, priority=-drawn, kind=QueueKind.AUDIT)
