"""Slots: how outputs come before people, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core import queues
from core.types import QueueKind
from core.webhooks import Event
from store import audit, webhooks
from store.projects import queue_of
from store.queue import access
from store.queue.lanes import is_audit, passing, urgency
from store.queue.states import CLAIMED, OPEN, PASSED, SET_ASIDE, leave, slot_and_queue
from store.tables import Assignment, Correction, Output, Queue

CHUNK = 500


def enqueue_output(
    session: Session,
    project_id: int,
    output_id: int,
    *,
    kind: str = QueueKind.ANNOTATE,
    priority: float,
    asked_from: int | None = None,
) -> int:
    """Put an output before people; returns how many slots were added. Doing it again adds none.

    The item gets the slots that it lacks. A new attempt moves the item's open slots, and the slot of the person whose
    correction it answers, or who asked for it from the slot ``asked_from``, to itself; finished slots stay with the attempt
    that was reviewed. Whether it needs people at all is decided in ``lanes``: keep its risk first.
    """
    queue = queue_of(session, project_id, kind)
    output = session.get(Output, output_id)
    if output is None:
        raise LookupError(f"there is no output {output_id}")
    slots = _locked(session, queue, output.item_id)
    corrected = session.get(Correction, output.correction_id) if output.correction_id else None
    own = asked_from if corrected is None else corrected.assignment_id
    _move_to(session, slots, output, priority, own=own, needs_nobody=bool(passing(session, queue, [output.id])))
    return _add_slots(session, queue, output, len(slots), priority)


def _locked(session: Session, queue: Queue, item_id: int) -> Sequence[Assignment]:
    """The item's slots in the queue as they stand now, oldest first; nobody adds or changes one until this transaction ends."""
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    return session.scalars(
        select(Assignment)
        .where(Assignment.queue_id == queue.id, Assignment.item_id == item_id, Assignment.gold.is_(False))
        .order_by(Assignment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def _move_to(
    session: Session,
    slots: Sequence[Assignment],
    output: Output,
    priority: float,
    *,
    own: int | None,
    needs_nobody: bool,
) -> None:
    newest = {slot.output_id for slot in slots if slot.output_id > output.id}
    waiting = None
    for slot in slots:
        mine = slot.id == own
        waits = slot.state in (OPEN, PASSED)
        if slot.output_id not in newest and (waits or (slot.state == CLAIMED and mine)):
            slot.output_id = output.id
            slot.priority = urgency(slot.queue_id, slot.item_id, audit=slot.audit, priority=priority)
            if waits:
                slot.state = PASSED if needs_nobody and not slot.audit else OPEN
                waiting = slot.queue if slot.state == OPEN else waiting
    session.flush()
    if waiting is not None:
        _tell(session, waiting, output.item_id, output.id)


def _tell(session: Session, queue: Queue, item_id: int, output_id: int) -> None:
    told = {"output_id": output_id, "item_id": item_id, "queue": queue.kind}
    webhooks.emit(session, Event.OUTPUT_QUEUED, queue.project_id, **told)


def _add_slots(session: Session, queue: Queue, output: Output, there: int, priority: float) -> int:
    if there >= queue.overlap:
        return 0
    audit = _in_audit(session, queue, output.item_id)
    state = PASSED if not audit and passing(session, queue, [output.id]) else OPEN
    turns = access.next_turns(session, queue, queue.overlap - there)
    fresh = [
        Assignment(
            queue_id=queue.id,
            item_id=output.item_id,
            output_id=output.id,
            slot=slot,
            audit=audit,
            priority=urgency(queue.id, output.item_id, audit=audit, priority=priority),
            state=state,
            assignee_id=person,
        )
        for slot, person in zip(range(there, queue.overlap), turns, strict=True)
    ]
    session.add_all(fresh)
    session.flush()
    if state == OPEN:
        _tell(session, queue, output.item_id, output.id)
    return len(fresh)


def _in_audit(session: Session, queue: Queue, item_id: int) -> bool:
    """All slots of an item are on one side, also those that a larger overlap adds after the share was changed."""
    known = select(Assignment.audit).where(Assignment.queue_id == queue.id, Assignment.item_id == item_id).limit(1)
    there = session.scalar(known)
    return is_audit(queue, item_id) if there is None else there


def to_experts(session: Session, project_id: int, slot: Assignment) -> int:
    """A slot of the expert queue for the item of ``slot``: the one that waits already, or a new one."""
    queue = queue_of(session, project_id, QueueKind.EXPERT)
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    there = session.scalars(
        select(Assignment).where(Assignment.queue_id == queue.id, Assignment.item_id == slot.item_id)
    ).all()
    for waiting in there:
        if waiting.state in (OPEN, CLAIMED):
            return waiting.id
    return _add(session, queue, slot.item_id, slot.output_id, slot=len(there), priority=slot.priority, flagged=True)


def _add(session: Session, queue: Queue, item_id: int, output_id: int, **more: Any) -> int:
    """One further slot of an item; returns its id. Whose turn it is must not have another one of the item."""
    slot = Assignment(queue_id=queue.id, item_id=item_id, output_id=output_id, **more)
    session.add(slot)
    session.flush()
    if queue.access == queues.ROUND_ROBIN:
        access.deal(session, queue, [slot.id])
    _tell(session, queue, item_id, output_id)
    return slot.id


def dispute(
    session: Session,
    project_id: int,
    output_id: int,
    *,
    reason: str,
    priority: float,
    kind: QueueKind = QueueKind.EXPERT,
) -> int | None:
    """Put an output before the experts, or into another queue of theirs, with a ``reason`` in words, besides its place among the
    annotators.

    Returns the id of its slot, new or open, whose reason is renewed. ``None`` where an expert holds the item or is done with this
    output: nothing is taken out of anybody's hands. An open slot of an older attempt moves to this one.
    """
    queue = queue_of(session, project_id, kind)
    output = session.get_one(Output, output_id)
    there = _locked(session, queue, output.item_id)
    for slot in there:
        if slot.state == OPEN and slot.output_id <= output_id:
            slot.output_id, slot.reason = output_id, reason
            session.flush()
            return slot.id
    if any(slot.state in (OPEN, CLAIMED) or slot.output_id >= output_id for slot in there):
        return None
    return _add(session, queue, output.item_id, output_id, slot=len(there), priority=priority, reason=reason)


def one_more(session: Session, slot: Assignment) -> bool:
    """Whether somebody else is still to review the item of ``slot``: a slot that is not finished, or one that is added now.

    The item gets at most ``extra_reviews`` slots beyond the overlap.
    """
    there = _locked(session, slot.queue, slot.item_id)
    if any(one.state in (OPEN, CLAIMED) for one in there):
        return True
    if len(there) >= slot.queue.overlap + slot.queue.extra_reviews:
        return False
    more = {"slot": len(there), "audit": slot.audit, "priority": slot.priority}
    _add(session, slot.queue, slot.item_id, slot.output_id, **more)
    return True


def put_back(session: Session, assignment_id: int, user_id: int) -> None:
    """A manager returns a slot that was set aside to the queue. Raises ``ValueError`` on any other state."""
    slot, _ = slot_and_queue(session, assignment_id)
    if slot.state != SET_ASIDE:
        raise ValueError("only an item that was set aside can be put back")
    leave(slot, OPEN)
    audit.record(session, "queue.put_back", "assignment", slot.id, user_id=user_id)
    session.flush()


def force_release(session: Session, assignment_id: int, user_id: int) -> int:
    """A manager takes a slot out of its holder's hands; returns who that was. What they typed stays a draft of theirs.

    Raises ``ValueError`` where nobody holds it.
    """
    slot, _ = slot_and_queue(session, assignment_id)
    if slot.state != CLAIMED or slot.holder_id is None:
        raise ValueError("nobody holds that item any more")
    holder = slot.holder_id
    leave(slot, OPEN)
    audit.record(session, "queue.force_release", "assignment", slot.id, user_id=user_id, old={"holder": holder})
    session.flush()
    return holder


def fill_slots(session: Session, project_id: int, kind: str = QueueKind.ANNOTATE) -> int:
    """After overlap was raised: give every item of the queue the slots that it lacks; returns how many. Lowering removes none."""
    queue = queue_of(session, project_id, kind)
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    rows = session.execute(
        select(Assignment.item_id, func.count(), func.max(Assignment.output_id), func.max(Assignment.priority))
        .where(Assignment.queue_id == queue.id, Assignment.gold.is_(False))
        .group_by(Assignment.item_id)
        .having(func.count() < queue.overlap)
    )
    added = 0
    for _, there, output_id, priority in rows.all():
        output = session.get_one(Output, output_id)
        added += _add_slots(session, queue, output, there, priority)
    return added


def set_priority(
    session: Session, project_id: int, priorities: Mapping[int, float], *, kind: str = QueueKind.ANNOTATE
) -> int:
    """Set how urgent outputs are, by output id, after their risk changed: whether they need people is decided anew.

    Finished slots are left alone, and draws of the audit slice keep their order. Returns how many slots changed.
    """
    queue = queue_of(session, project_id, kind)
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update(key_share=True))
    ids, changed = sorted(priorities), 0
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        safe = passing(session, queue, part)
        for slot in session.scalars(_ordinary(queue, part)):
            before = (slot.priority, slot.state)
            slot.priority = priorities[slot.output_id]
            if slot.state != CLAIMED:
                slot.state = PASSED if slot.output_id in safe else OPEN
            changed += before != (slot.priority, slot.state)
        session.flush()
    return changed


def _ordinary(queue: Queue, output_ids: Sequence[int]) -> Select[Assignment]:
    """Unfinished slots of these outputs that are no audit draws, in one order for all: two of these never wait for each other."""
    items = select(Output.item_id).where(Output.id.in_(output_ids))
    return (
        select(Assignment)
        .where(
            Assignment.queue_id == queue.id,
            Assignment.item_id.in_(items),
            Assignment.output_id.in_(output_ids),
            Assignment.state.in_((OPEN, CLAIMED, PASSED)),
            Assignment.audit.is_(False),
            Assignment.gold.is_(False),
        )
        .order_by(Assignment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
