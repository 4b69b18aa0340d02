"""Claims: a slot in one person's hands for a while.

A claim is an ``UPDATE ... WHERE still claimable`` whose row count decides. The token fences what follows: whoever has lost
the slot has a stale token, and their text is kept as a draft (``store.reviews``). A lease that ran out makes the slot
claimable again, but until somebody takes it its holder may carry on.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, Select, and_, bindparam, func, or_, select, text, true, update
from sqlalchemy.orm import Session, aliased

from core import queues
from core.types import QueueKind
from store import audit
from store.clock import now
from store.engine import KeptAnyway
from store.projects import queue_of
from store.queue import gold
from store.queue.access import may_have
from store.queue.lanes import order_of_lanes, turn
from store.queue.states import (
    CLAIMED,
    NOBODYS,
    OPEN,
    PASSED,
    SET_ASIDE,
    SUBMITTED,
    declined,
    expired,
    reviewed_elsewhere,
    slot_and_queue,
    undeclined,
    untouched,
)
from store.tables import Assignment, Queue, User

PAUSED = "You are paused: too many of the items whose verdict is known were judged otherwise. Talk to an admin."
AT_ONCE = 2  # items that one person holds: the one on screen and the one that is fetched ahead, or asked for by name
_POINT, _BACK = text("SAVEPOINT claim"), text("ROLLBACK TO SAVEPOINT claim")
_TURN = select(User.id).where(User.id == bindparam("user_id")).with_for_update(key_share=True)
_CLAIM = (Assignment.id, Assignment.item_id, Assignment.output_id, Assignment.token, Assignment.deadline)


def _held_statement() -> Select[Any]:
    """What a person holds, and whether the queue has abandoned work; built once, since building it takes as long as asking it."""
    queue_id: BindParameter[int] = bindparam("queue_id")
    mine = and_(Assignment.queue_id == queue_id, Assignment.holder_id == User.id, Assignment.state == CLAIMED)
    gone = aliased(Assignment)
    left = select(true()).where(gone.queue_id == queue_id, gone.state == CLAIMED, gone.deadline <= bindparam("moment"))
    return (
        # By deadline, so that it uses the index of leases.
        select(Assignment, left.order_by(gone.deadline).limit(1).scalar_subquery())
        .select_from(User)
        .outerjoin(Assignment, mine)
        .where(User.id == bindparam("user_id"))
        .order_by(Assignment.claimed_at, Assignment.id)
        .execution_options(populate_existing=True)
    )


_HELD = _held_statement()


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot in a person's hands until ``deadline``; ``token`` must come back with everything they do with it."""

    assignment_id: int
    item_id: int
    output_id: int
    token: str
    deadline: datetime


class LostClaim(KeptAnyway):
    """The token is stale: the slot went to somebody else, or is finished. The message tells the person what to do."""

    def __init__(self, assignment_id: int, why: str, *, draft_kept: bool = False) -> None:
        kept = " Your text is kept: read or copy it under Kept drafts on the Review page." if draft_kept else ""
        super().__init__(f"{why}{kept}")
        self.assignment_id = assignment_id
        self.draft_kept = draft_kept


def claim_next(
    session: Session, user_id: int, project_id: int, kind: str = QueueKind.ANNOTATE, *, ahead: bool = False
) -> Claim | None:
    """The most urgent slot that this person may have, or ``None``; ``why_empty`` then says why.

    A slot that the person holds already comes back first, with a new deadline. ``ahead`` asks for the one after that.
    """
    queue = queue_of(session, project_id, kind)
    held, abandoned = _held(session, queue.id, user_id)
    if len(held) > int(ahead):
        renewed = _renew(session, queue, held[int(ahead)])
        if renewed is not None:
            return renewed
    if gold.is_paused(session, queue, user_id):
        return None
    if queue.gold_share and turn() < queue.gold_share:
        slot = gold.give(session, queue, user_id)
        if slot is not None and slot.token is not None and slot.deadline is not None:
            return Claim(slot.id, slot.item_id, slot.output_id, slot.token, slot.deadline)
    return _claim_new(session, queue, user_id, abandoned=abandoned)


def claim_item(
    session: Session, user_id: int, project_id: int, item_id: int, kind: str = QueueKind.ANNOTATE
) -> Claim | None:
    """The slot of this one item, where the person may have it out of turn; ``None`` otherwise, and ``why_not_item`` says why.

    A random draw of the audit slice is never taken out of turn: a sample that people pick from is no random one. One that the person
    holds already comes back, whatever it is.
    """
    queue = queue_of(session, project_id, kind)
    held, _ = _held(session, queue.id, user_id)
    for slot in held:
        if slot.item_id == item_id:
            return _renew(session, queue, slot)
    if len(held) >= AT_ONCE or gold.is_paused(session, queue, user_id):
        return None
    free = or_(Assignment.state == OPEN, expired())
    wanted = and_(Assignment.item_id == item_id, Assignment.audit.is_(False), free)
    return _try_claim(session, queue, user_id, [wanted], skip_locked=False)


def _held(session: Session, queue_id: int, user_id: int) -> tuple[list[Assignment], bool]:
    """What the person holds, the oldest first, and whether the queue has abandoned work, which is nearly never."""
    # Two tabs of one person take turns, so that they see each other's claims: a statement of its own, for what the next one sees.
    session.execute(_TURN, {"user_id": user_id})
    rows = session.execute(_HELD, {"queue_id": queue_id, "user_id": user_id, "moment": now()}).all()
    return [row[0] for row in rows if row[0] is not None], any(row[1] for row in rows)


def why_not_item(session: Session, user_id: int, project_id: int, item_id: int, kind: str = QueueKind.ANNOTATE) -> str:
    """Why ``claim_item`` did not give the item to the person, in words."""
    queue = queue_of(session, project_id, kind)
    slots = session.scalars(
        select(Assignment).where(
            Assignment.queue_id == queue.id, Assignment.item_id == item_id, Assignment.gold.is_(False)
        )
    ).all()
    others = queue.access != queues.ANY and all(slot.assignee_id != user_id for slot in slots)
    states = {slot.state for slot in slots}
    mine = any(slot.holder_id == user_id and slot.state == SUBMITTED for slot in slots)
    gone = item_id in session.scalars(declined(queue.id, user_id)).all()
    drawn = bool(states & {OPEN, CLAIMED}) and any(slot.audit for slot in slots)
    causes = (
        (mine, "You have reviewed that item already."),
        (gone, "You skipped or flagged that item."),
        (gold.is_paused(session, queue, user_id), PAUSED),
        (others and OPEN in states, "That item is assigned to somebody else, or to nobody yet."),
        (drawn, "That item is a random draw: those come in their own turn, so that the sample stays random."),
        (OPEN in states, "You hold two other items already: finish or leave those first."),
        (CLAIMED in states, "Somebody else has that item right now."),
        (PASSED in states, "The risk of that item is below the threshold, so that it needs nobody."),
        (SUBMITTED in states, "That item has been reviewed already."),
        (SET_ASIDE in states, "That item was set aside."),
    )
    return next((says for holds, says in causes if holds), "That item has no answer here that waits for people.")


def _renew(session: Session, queue: Queue, slot: Assignment) -> Claim | None:
    """``None`` when somebody took the slot in this moment, its lease having run out."""
    renewed = session.execute(
        update(Assignment)
        .where(Assignment.id == slot.id, Assignment.state == CLAIMED, Assignment.token == slot.token)
        .values(deadline=now() + timedelta(seconds=queue.lease_seconds))
        .returning(*_CLAIM)
    ).one_or_none()
    return _claim(renewed) if renewed else None


def _claim(row: Row[*tuple[Any, ...]]) -> Claim:
    return Claim(row[0], row[1], row[2], row[3], row[4])


def _claim_new(session: Session, queue: Queue, user_id: int, *, abandoned: bool) -> Claim | None:
    """Abandoned work goes first, then the open slots by priority, with a turn for the audit slice now and then; rows that another claim
    has locked are waited for last."""
    lanes = [*((expired(),) if abandoned else ()), *order_of_lanes(queue)]
    if session.get_bind().dialect.name == "sqlite":
        return _try_claim(session, queue, user_id, lanes, skip_locked=False)
    session.flush()
    for skip_locked in (True, False):
        # PostgreSQL keeps the lock on a row that turned out to be another's: given back here, lest two who look in vain
        # wait for each other. Of a claim that succeeds the point ends with the transaction.
        session.execute(_POINT)
        claim = _try_claim(session, queue, user_id, lanes, skip_locked)
        if claim is not None:
            return claim
        session.execute(_BACK)
    return None


def candidate(
    queue: Queue, allowed: Sequence[ColumnElement[bool]], wanted: ColumnElement[bool], skip_locked: bool
) -> Select[int]:
    """The first of the ``wanted`` slots that the person may have, who is ``allowed`` those."""
    return (
        select(Assignment.id)
        .where(Assignment.queue_id == queue.id, wanted, *allowed)
        .order_by(Assignment.priority.desc(), Assignment.id)
        .limit(1)
        .with_for_update(skip_locked=skip_locked)
    )


def _try_claim(
    session: Session, queue: Queue, user_id: int, lanes: Sequence[ColumnElement[bool]], skip_locked: bool
) -> Claim | None:
    """The first slot of the first lane that has one: a later lane is looked at where those before it have none."""
    allowed = _allowed(queue, user_id)
    firsts = [candidate(queue, allowed, wanted, skip_locked).scalar_subquery() for wanted in lanes]
    moment = now()
    taken = session.execute(
        update(Assignment)
        .where(Assignment.id == (func.coalesce(*firsts) if len(firsts) > 1 else firsts[0]), or_(*lanes))
        .values(
            state=CLAIMED,
            holder_id=user_id,
            token=secrets.token_urlsafe(24),
            claimed_at=moment,
            deadline=moment + timedelta(seconds=queue.lease_seconds),
        )
        .returning(*_CLAIM)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        return None
    claim = _claim(taken)
    known = session.identity_map.get(session.identity_key(Assignment, claim.assignment_id))
    if known is not None:  # given back in this session, and taken again
        session.expire(known)
    audit.record(session, "queue.claim", "assignment", claim.assignment_id, user_id=user_id)
    return claim


def _allowed(queue: Queue, user_id: int) -> tuple[ColumnElement[bool], ...]:
    """Not an item of which the person has another slot, nor one that they declined; what the queue's access says; and whoever
    decides over reviews, or looks at them again, wrote none of them."""
    conditions = [
        *may_have(queue, user_id),
        Assignment.gold.is_(False),
        untouched(queue.id, user_id),
        undeclined(queue.id, user_id),
    ]
    if queue.kind in (QueueKind.ADJUDICATE, QueueKind.AUDIT):
        conditions.append(Assignment.item_id.not_in(reviewed_elsewhere(queue, user_id)))
    return tuple(conditions)


def extend(session: Session, assignment_id: int, token: str) -> datetime:
    """Keep a slot for another lease; the page calls it while the person is there. Raises ``LostClaim``."""
    seconds = session.scalar(
        select(Queue.lease_seconds)
        .join(Assignment, Assignment.queue_id == Queue.id)
        .where(Assignment.id == assignment_id)
    )
    deadline = now() + timedelta(seconds=seconds or 0)
    _with_token(session, assignment_id, token, deadline=deadline)
    return deadline


def release(session: Session, assignment_id: int, token: str) -> None:
    """Give a slot back without a word. Raises ``LostClaim``."""
    _with_token(session, assignment_id, token, state=OPEN, **NOBODYS)


def submit(session: Session, assignment_id: int, token: str) -> None:
    """Finish a slot. Raises ``LostClaim``; ``store.reviews.submit`` keeps the text in that case."""
    _with_token(session, assignment_id, token, state=SUBMITTED, deadline=None, finished_at=now())


def _with_token(session: Session, assignment_id: int, token: str, /, **values: Any) -> None:
    """Change a slot if the token still holds it: the row count of one update decides."""
    changed = session.execute(
        update(Assignment)
        .where(Assignment.id == assignment_id, Assignment.state == CLAIMED, Assignment.token == token)
        .values(**values)
        .returning(Assignment.id)
    ).one_or_none()
    if changed is None:
        raise LostClaim(assignment_id, why_lost(session, assignment_id))


def why_lost(session: Session, assignment_id: int) -> str:
    """What happened to a slot whose token is stale, in words."""
    slot = session.get(Assignment, assignment_id, populate_existing=True)
    if slot is None:
        raise LookupError(f"there is no assignment {assignment_id}")
    if slot.state == SUBMITTED:
        return "This item has been submitted already."
    if slot.state == SET_ASIDE:
        return "This item was set aside meanwhile."
    if slot.state == OPEN:
        return "Your time for this item ran out, or you gave it back. Take the next item."
    return "Your time for this item ran out and it was given to somebody else, or you opened it anew in another window."


def reopen(session: Session, assignment_id: int, user_id: int) -> Claim:
    """Take back one's own submission; what is submitted next becomes a new revision. Raises ``PermissionError`` for others' work."""
    slot, queue = slot_and_queue(session, assignment_id)
    if slot.state != SUBMITTED or slot.holder_id != user_id:
        raise PermissionError("only what you submitted yourself can be reopened")
    moment = now()
    token, deadline = secrets.token_urlsafe(24), moment + timedelta(seconds=queue.lease_seconds)
    slot.state, slot.token, slot.finished_at = CLAIMED, token, None
    slot.claimed_at, slot.deadline = moment, deadline
    audit.record(session, "queue.reopen", "assignment", slot.id, user_id=user_id)
    session.flush()
    return Claim(slot.id, slot.item_id, slot.output_id, token, deadline)
