"""Ways to give a slot up with a reason: skip, and flag for an expert."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import queues
from core.types import QueueKind
from store import audit
from store.queue import access
from store.queue.claims import LostClaim, why_lost
from store.queue.slots import to_experts
from store.queue.states import CLAIMED, OPEN, SET_ASIDE, leave, slot_and_queue
from store.tables import Assignment, Decline
from store.text import clean


def skip(session: Session, assignment_id: int, token: str, user_id: int, reason: str) -> None:
    """Decline a slot; the queue's skip policy says where it goes. Raises ``LostClaim``, ``ValueError`` where a reason is missing.

    ``to_others``: somebody else may have it, this person never again. ``to_me``: it goes to the end of the line and may come
    back to the same person. ``set_aside``: nobody gets it until a manager reopens it.
    """
    slot, queue = slot_and_queue(session, assignment_id)
    reason = _reason(reason) if queue.reason_required else clean(reason).strip()
    _fence(session, slot, token, user_id)
    if queue.skip_policy == "set_aside":
        leave(slot, SET_ASIDE)
    else:
        leave(slot, OPEN)
    if queue.skip_policy == "to_me":
        slot.priority = _last_place(session, queue.id) - 1
    kind = "later" if queue.skip_policy == "to_me" else "skip"
    _decline(session, slot, user_id, reason, kind)
    if queue.skip_policy == "to_others" and slot.assignee_id == user_id:
        slot.assignee_id = None  # theirs no longer: the next one's in turn, or whom an admin names
        session.flush()
        access.deal(session, queue, [slot.id] if queue.access == queues.ROUND_ROBIN else [])


def flag(session: Session, assignment_id: int, token: str, user_id: int, reason: str) -> int | None:
    """Hand an item to the experts: the slot is set aside and the expert queue gets one; returns that assignment's id.

    An expert who flags sets the item aside for good (``None``). Raises ``LostClaim``, ``ValueError`` without a reason.
    """
    reason = _reason(reason)
    slot, queue = slot_and_queue(session, assignment_id)
    _fence(session, slot, token, user_id)
    leave(slot, SET_ASIDE)
    slot.flagged = True
    _decline(session, slot, user_id, reason, "flag")
    if queue.kind == QueueKind.EXPERT:
        return None
    return to_experts(session, queue.project_id, slot)


def _reason(reason: str) -> str:
    kept = clean(reason).strip()
    if not kept:
        raise ValueError("say in a few words why")
    return kept


def _fence(session: Session, slot: Assignment, token: str, user_id: int) -> None:
    """The row is locked by now, so comparing is as good as a conditional update."""
    if slot.state != CLAIMED or slot.token != token or slot.holder_id != user_id:
        raise LostClaim(slot.id, why_lost(session, slot.id))


def _decline(session: Session, slot: Assignment, user_id: int, reason: str, kind: str) -> None:
    session.add(Decline(assignment_id=slot.id, user_id=user_id, reason=reason, kind=kind))
    name = "queue.flag" if kind == "flag" else "queue.skip"
    audit.record(session, name, "assignment", slot.id, user_id=user_id, new={"reason": reason, "to": slot.state})
    session.flush()


def _last_place(session: Session, queue_id: int) -> float:
    lowest = select(func.min(Assignment.priority)).where(Assignment.queue_id == queue_id, Assignment.state == OPEN)
    return session.scalar(lowest) or 0.0
