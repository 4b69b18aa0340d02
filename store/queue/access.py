"""Who may have which slot: anybody, the person that it was assigned to, or the one whose turn it was when it was dealt.

An assigned and a dealt slot both carry their person in ``assignee_id``, so that a claim of either kind is the same conditional update
on the same index. Slots that have nobody are nobody's to claim there: the queue's page says how many, and assigns them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from core import queues
from store import audit
from store.queue.states import CLAIMED, NOBODYS, OPEN, PASSED, expired
from store.tables import Assignment, Decline, Item, Queue, QueueMember, Risk, User
from store.text import mentions

MOST = 5000  # slots that one call assigns: a transaction that claims wait for no longer than a moment


def may_have(queue: Queue, user_id: int) -> tuple[ColumnElement[bool], ...]:
    """The condition on a slot that the queue's access sets."""
    return () if queue.access == queues.ANY else (Assignment.assignee_id == user_id,)


def members(session: Session, queue_id: int) -> Sequence[QueueMember]:
    """Those who take part, in the order in which slots are dealt to them."""
    query = select(QueueMember).where(QueueMember.queue_id == queue_id, QueueMember.active.is_(True))
    return session.scalars(query.order_by(QueueMember.id)).all()


def member(session: Session, queue_id: int, user_id: int) -> QueueMember:
    """The row of a person in a queue, made where there is none: inactive, so that nothing is dealt to them by it."""
    query = select(QueueMember).where(QueueMember.queue_id == queue_id, QueueMember.user_id == user_id)
    row = session.scalar(query)
    if row is None:
        row = QueueMember(queue_id=queue_id, user_id=user_id, active=False)
        session.add(row)
        session.flush()
    return row


def join(session: Session, queue: Queue, user_id: int, by: int | None) -> None:
    """Let a person take part in a queue; doing it again changes nothing. Raises ``ValueError`` for who cannot sign in."""
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise ValueError("there is no such person who can sign in")
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update())
    row = member(session, queue.id, user_id)
    if not row.active:
        row.active = True
        audit.record(session, "queue.join", "queue", queue.id, user_id=by, new={"user": user_id})
        session.flush()


def leave_queue(session: Session, queue: Queue, user_id: int, by: int | None) -> int:
    """Take a person out of a queue: what they hold goes back, and what was theirs is dealt to the others, or is nobody's.

    Returns how many slots changed hands. What they finished stays theirs; what they typed is kept as a draft.
    """
    session.execute(select(Queue.id).where(Queue.id == queue.id).with_for_update())
    row = member(session, queue.id, user_id)
    row.active = False
    session.flush()
    held = and_(Assignment.queue_id == queue.id, Assignment.holder_id == user_id, Assignment.state == CLAIMED)
    session.execute(
        update(Assignment).where(held).values(state=OPEN, **NOBODYS).execution_options(synchronize_session=False)
    )
    theirs = and_(
        Assignment.queue_id == queue.id, Assignment.assignee_id == user_id, Assignment.state.in_((OPEN, PASSED))
    )
    ids = session.scalars(select(Assignment.id).where(theirs).order_by(Assignment.id)).all()
    for start in range(0, len(ids), MOST):
        part = Assignment.id.in_(ids[start : start + MOST])
        session.execute(
            update(Assignment).where(part).values(assignee_id=None).execution_options(synchronize_session=False)
        )
    session.expire_all()
    if queue.access == queues.ROUND_ROBIN:
        deal(session, queue, ids)
    audit.record(session, "queue.leave", "queue", queue.id, user_id=by, old={"user": user_id}, new={"slots": len(ids)})
    session.flush()
    return len(ids)


def next_turns(session: Session, queue: Queue, slots: int) -> list[int | None]:
    """Whose turn each of so many new slots is: the queue's people in turn, each at most once where these belong to one item.

    ``None`` for slots that are nobody's: of queues that deal nothing, and of more slots than there are people.
    """
    if queue.access != queues.ROUND_ROBIN or slots < 1:
        return [None] * slots
    people = [row.user_id for row in members(session, queue.id)]
    dealt = min(slots, len(people))
    if not dealt:
        return [None] * slots
    first = _turn(session, queue, dealt)
    return [people[(first + n) % len(people)] for n in range(dealt)] + [None] * (slots - dealt)


def _turn(session: Session, queue: Queue, slots: int) -> int:
    """Takes so many turns at once: two who deal at the same moment never take the same."""
    taken = update(Queue).where(Queue.id == queue.id).values(dealt=Queue.dealt + slots).returning(Queue.dealt)
    after: int = session.scalars(taken.execution_options(synchronize_session=False)).one()
    return after - slots


def deal(session: Session, queue: Queue, slot_ids: Sequence[int], users: Sequence[int] | None = None) -> int:
    """Give open slots that are nobody's to ``users`` in turn, without them to the queue's people; returns how many.

    Nobody gets a second slot of an item, nor one that they declined; a slot that this leaves to nobody stays nobody's.
    """
    people = list(users) if users is not None else [row.user_id for row in members(session, queue.id)]
    if not people:
        return 0
    given = 0
    for start in range(0, len(slot_ids), 500):
        slots = session.scalars(_undealt(queue, slot_ids[start : start + 500])).all()
        taken = _people_of(session, queue, [slot.item_id for slot in slots])
        turn = _turn(session, queue, len(slots)) if slots else 0
        for n, slot in enumerate(slots):
            around = (people[(turn + n + k) % len(people)] for k in range(len(people)))
            person = next((one for one in around if (slot.item_id, one) not in taken), None)
            if person is not None:
                slot.assignee_id = person
                taken.add((slot.item_id, person))
                given += 1
        session.flush()
    return given


def _undealt(queue: Queue, slot_ids: Sequence[int]) -> Select[Assignment]:
    return (
        select(Assignment)
        .where(
            Assignment.id.in_(slot_ids),
            Assignment.queue_id == queue.id,
            Assignment.assignee_id.is_(None),
            Assignment.state.in_((OPEN, PASSED)),
            Assignment.gold.is_(False),
        )
        .order_by(Assignment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def _people_of(session: Session, queue: Queue, item_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(item, person) of whoever has, had or is to have a slot of these items, or declined one."""
    of = and_(Assignment.queue_id == queue.id, Assignment.item_id.in_(item_ids))
    rows = session.execute(select(Assignment.item_id, Assignment.assignee_id, Assignment.holder_id).where(of))
    found = {(row.item_id, one) for row in rows for one in (row.assignee_id, row.holder_id) if one is not None}
    refused = select(Assignment.item_id, Decline.user_id).join(Decline, Decline.assignment_id == Assignment.id)
    rows_refused = session.execute(refused.where(of, Decline.kind != "later"))
    return found | {(item_id, user_id) for item_id, user_id in rows_refused}


def assign(
    session: Session,
    queue: Queue,
    users: Sequence[int],
    *,
    by: int | None,
    words: str = "",
    least_risk: float | None = None,
    limit: int = MOST,
) -> int:
    """Assign waiting slots that are nobody's to these people in turn, the most urgent first; returns how many.

    ``words`` must stand in the item's name or prompt, ``least_risk`` bounds the risk of the answer. The people become people of the
    queue. Raises ``ValueError`` where nobody is named.
    """
    if not users:
        raise ValueError("name at least one person")
    for user_id in users:
        join(session, queue, user_id, by)
    query = select(Assignment.id).where(
        Assignment.queue_id == queue.id,
        Assignment.state == OPEN,
        Assignment.assignee_id.is_(None),
        Assignment.gold.is_(False),
    )
    if words.strip():
        query = query.join(Item, Item.id == Assignment.item_id)
        query = query.where(mentions(words.strip(), Item.external_id, Item.prompt))
    if least_risk is not None:
        query = query.where(exists().where(Risk.output_id == Assignment.output_id, Risk.value >= least_risk))
    query = query.order_by(Assignment.priority.desc(), Assignment.id).limit(min(max(limit, 0), MOST))
    given = deal(session, queue, session.scalars(query).all(), users)
    new = {"users": list(users), "slots": given, "words": words.strip(), "least_risk": least_risk}
    audit.record(session, "queue.assign", "queue", queue.id, user_id=by, new=new)
    session.flush()
    return given


def unassigned(session: Session, queue_id: int) -> int:
    """Slots that wait and are nobody's."""
    waits = or_(Assignment.state == OPEN, expired())
    query = select(func.count()).where(Assignment.queue_id == queue_id, waits, Assignment.assignee_id.is_(None))
    return session.scalar(query.where(Assignment.gold.is_(False))) or 0
