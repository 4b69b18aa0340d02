"""Gold items: answers whose verdict an expert decided, mixed in among the others of a queue to see how well each person judges.

The verdict of a gold item is the decision on its output, so that what people say of it counts in no export, and in no report but that
of their quality. A person gets each gold item once, in a slot of their own beside the item's ordinary ones. Who gets too many wrong is
told, or told and paused, as the queue says; an admin lets them go on, and their count begins anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.queues import FEWEST_GOLD
from core.types import Verdict
from store import audit
from store.clock import now
from store.queue.access import member
from store.queue.states import CLAIMED, OPEN, SUBMITTED, declined, touched
from store.reviews.revisions import stands_as_decision
from store.tables import Assignment, GoldItem, Item, Output, Queue, QueueMember, Review

SLOTS = 1_000_000  # a person's slot of a gold item has this number and their id: no two ever have the same


@dataclass(frozen=True, slots=True)
class Score:
    """How a person judged gold items: ``right`` of ``answered`` agree with the decision."""

    right: int
    answered: int

    @property
    def share(self) -> float | None:
        return self.right / self.answered if self.answered else None

    def is_below(self, floor: float) -> bool:
        return self.answered >= FEWEST_GOLD and self.right / self.answered < floor


def decision_on(session: Session, output_id: int) -> Review | None:
    """The decision on an output that stands."""
    return session.scalar(_decisions().where(Review.output_id == output_id).order_by(Review.id.desc()).limit(1))


def _decisions() -> Select[Review]:
    return select(Review).where(*stands_as_decision(Review))


def add_decided(session: Session, queue: Queue, by: int | None, limit: int = 100) -> int:
    """Make gold items of the newest decided answers of the project that are none yet; returns how many."""
    known = select(GoldItem.output_id).where(GoldItem.queue_id == queue.id)
    query = (
        _decisions()
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == queue.project_id, Review.output_id.not_in(known))
        .where(Review.verdict != Verdict.CANNOT_JUDGE)
        .order_by(Review.id.desc())
        .limit(limit)
    )
    for decision in session.scalars(query).all():
        _add(session, queue, decision.output_id, by)
    return _told(session, queue, by)


def add(
    session: Session, queue: Queue, output_id: int, verdict: str, by: int, *, first_wrong_step: int | None = None
) -> None:
    """Make a gold item of an answer whose right verdict is known, as a decision of ``by`` where there is none.

    Raises ``ValueError`` where another decision stands, or nothing can be judged by that verdict.
    """
    if Verdict(verdict) is Verdict.CANNOT_JUDGE:
        raise ValueError("a gold item has a known verdict: acceptable or faulty")
    stands = decision_on(session, output_id)
    if stands is not None and stands.verdict != verdict:
        raise ValueError(f"that answer was decided to be {stands.verdict}: reopen the decision first")
    if stands is None:
        reason = "Known to be so: a gold item."
        session.add(
            Review(
                output_id=output_id,
                user_id=by,
                verdict=verdict,
                first_wrong_step=first_wrong_step,
                decides=True,
                reason=reason,
            )
        )
        session.flush()
    _add(session, queue, output_id, by)
    _told(session, queue, by)


def _add(session: Session, queue: Queue, output_id: int, by: int | None) -> None:
    row = session.scalar(select(GoldItem).where(GoldItem.queue_id == queue.id, GoldItem.output_id == output_id))
    if row is None:
        item_id = session.get_one(Output, output_id).item_id
        session.add(GoldItem(queue_id=queue.id, item_id=item_id, output_id=output_id, created_by=by))
    else:
        row.retired_at = None


def _told(session: Session, queue: Queue, by: int | None) -> int:
    count = sum(isinstance(row, GoldItem) for row in session.new)
    session.flush()
    audit.record(session, "queue.gold", "queue", queue.id, user_id=by, new={"added": count})
    return count


def retire_all(session: Session, queue: Queue, by: int | None) -> int:
    """Mix none of the gold items in any more; what people said of them stays."""
    rows = session.scalars(select(GoldItem).where(GoldItem.queue_id == queue.id, GoldItem.retired_at.is_(None))).all()
    for row in rows:
        row.retired_at = now()
    audit.record(session, "queue.gold", "queue", queue.id, user_id=by, new={"retired": len(rows)})
    session.flush()
    return len(rows)


def count(session: Session, queue_id: int) -> int:
    query = select(func.count()).where(GoldItem.queue_id == queue_id, GoldItem.retired_at.is_(None))
    return session.scalar(query) or 0


def give(session: Session, queue: Queue, user_id: int) -> Assignment | None:
    """A gold item in the person's hands: one that they gave back, or one that they never had; ``None`` where there is none.

    Never one of which they have, had or declined an ordinary slot, and never one that they decided themselves.
    """
    moment = now()
    theirs = select(Review.output_id).where(Review.user_id == user_id, Review.decides)
    query = (
        select(GoldItem)
        .where(
            GoldItem.queue_id == queue.id,
            GoldItem.retired_at.is_(None),
            GoldItem.item_id.not_in(touched(queue.id, user_id)),
            GoldItem.item_id.not_in(declined(queue.id, user_id)),
            GoldItem.output_id.not_in(theirs),
        )
        .order_by(GoldItem.id)
    )
    gold = session.scalars(query.limit(1)).first()
    if gold is None:
        return None
    slot = session.scalar(
        select(Assignment)
        .where(Assignment.queue_id == queue.id, Assignment.item_id == gold.item_id, Assignment.slot == SLOTS + user_id)
        .with_for_update()
    )
    if slot is None:
        slot = Assignment(
            queue_id=queue.id, item_id=gold.item_id, output_id=gold.output_id, slot=SLOTS + user_id, gold=True
        )
        session.add(slot)
    elif slot.state != OPEN:
        return None
    slot.state, slot.holder_id, slot.token = CLAIMED, user_id, secrets.token_urlsafe(24)
    slot.claimed_at, slot.deadline = moment, moment + timedelta(seconds=queue.lease_seconds)
    session.flush()
    audit.record(session, "queue.claim", "assignment", slot.id, user_id=user_id)
    return slot


def scores(session: Session, queue_id: int, user_ids: Sequence[int] | None = None) -> dict[int, Score]:
    """By person, over the gold items that they submitted since an admin last let them go on."""
    decision, later = aliased(Review), aliased(Review)
    query = (
        select(
            Review.user_id,
            func.count(),
            func.sum(case((Review.verdict == decision.verdict, 1), else_=0)),
        )
        .join(Assignment, Assignment.id == Review.assignment_id)
        .join(decision, and_(decision.output_id == Review.output_id, *stands_as_decision(decision)))
        .outerjoin(QueueMember, and_(QueueMember.queue_id == queue_id, QueueMember.user_id == Review.user_id))
        .where(
            Assignment.queue_id == queue_id,
            Assignment.gold.is_(True),
            Assignment.state == SUBMITTED,
            ~select(later.id).where(later.replaces_id == Review.id).exists(),
            Review.verdict != Verdict.CANNOT_JUDGE,
            or_(QueueMember.gold_since.is_(None), Review.created_at > QueueMember.gold_since),
        )
        .group_by(Review.user_id)
    )
    if user_ids is not None:
        query = query.where(Review.user_id.in_(user_ids))
    return {user_id: Score(int(right), int(answered)) for user_id, answered, right in session.execute(query)}


def is_low(session: Session, queue: Queue, user_id: int) -> bool:
    """Whether the person got too many gold items of the queue wrong."""
    if not queue.gold_share:
        return False
    score = scores(session, queue.id, [user_id]).get(user_id)
    return score is not None and score.is_below(queue.gold_floor)


def is_paused(session: Session, queue: Queue, user_id: int) -> bool:
    """Whether the queue gives the person nothing until an admin lets them go on."""
    return queue.gold_action == "pause" and is_low(session, queue, user_id)


def let_go_on(session: Session, queue: Queue, user_id: int, by: int | None) -> None:
    """Begin the person's count anew."""
    row = member(session, queue.id, user_id)
    row.gold_since = now()
    audit.record(session, "queue.let_go_on", "queue", queue.id, user_id=by, new={"user": user_id})
    session.flush()
