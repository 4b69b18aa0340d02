"""Adjudication: one expert's decision over what several people said of an output. It supersedes their reviews and changes none.

A decision is a review of its own, with revisions like any other; which reviews it was about, and whose it took, are rows that also tell
their authors. What counts where a decision stands is in ``revisions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from core.types import Verdict
from store.clock import now
from store.reviews.revisions import is_latest
from store.tables import Correction, DecidedReview, Item, Output, Review

MOST = 1000  # decisions that are marked as seen at once


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a person's review, as they are told it."""

    id: int
    project_id: int
    external_id: str
    prompt: str
    said: Verdict
    said_step: int | None
    decided: Verdict
    decided_step: int | None
    taken: bool
    reason: str
    at: datetime
    revision: int
    seen_at: datetime | None


def compared(session: Session, output_id: int) -> list[tuple[Review, Correction | None]]:
    """What people say of an output, each with the correction submitted with it, oldest first; decisions are not among them."""
    rows = session.scalars(
        select(Review).where(Review.output_id == output_id, ~Review.decides, is_latest(Review)).order_by(Review.id)
    ).all()
    return [(row, _correction(session, row)) for row in rows]


def _correction(session: Session, review: Review) -> Correction | None:
    query = select(Correction).where(
        Correction.assignment_id == review.assignment_id,
        Correction.output_id == review.output_id,
        Correction.user_id == review.user_id,
        Correction.effect_key.is_(None),
        is_latest(Correction),
    )
    return session.scalars(query.order_by(Correction.id.desc()).limit(1)).first()


def keep(session: Session, decision: Review, takes: int | None) -> None:
    """Keep which reviews a decision is about. Raises ``ValueError`` where it takes one that is not among them."""
    about = [row for row, _ in compared(session, decision.output_id) if row.id != decision.id]
    if takes is not None and takes not in {row.id for row in about}:
        raise ValueError("the review that you took is not one of this answer any more: reload the page")
    session.add_all(
        DecidedReview(decision_id=decision.id, review_id=row.id, user_id=row.user_id, taken=row.id == takes)
        for row in about
    )
    session.flush()


def decided(
    session: Session,
    user_id: int,
    *,
    unseen: bool = True,
    limit: int = 20,
    after: int = 0,
    project_id: int | None = None,
) -> list[Decided]:
    """What was decided about a person's reviews, the newest first, older than ``after`` if given, of one project or of all.

    Of a decision with revisions the newest counts.
    """
    decision, mine = aliased(Review), aliased(Review)
    later = aliased(Review)
    query = (
        select(
            DecidedReview.id,
            Item.project_id,
            Item.external_id,
            Item.prompt,
            mine.verdict,
            mine.first_wrong_step,
            decision.verdict,
            decision.first_wrong_step,
            DecidedReview.taken,
            decision.reason,
            decision.created_at,
            decision.revision,
            DecidedReview.seen_at,
        )
        .join(decision, decision.id == DecidedReview.decision_id)
        .join(mine, mine.id == DecidedReview.review_id)
        .join(Output, Output.id == decision.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(DecidedReview.user_id == user_id, ~select(later.id).where(later.replaces_id == decision.id).exists())
    )
    if unseen:
        query = query.where(DecidedReview.seen_at.is_(None))
    if after:
        query = query.where(DecidedReview.id < after)
    if project_id is not None:
        query = query.where(Item.project_id == project_id)
    rows = session.execute(query.order_by(DecidedReview.id.desc()).limit(limit)).all()
    return [_decided(row) for row in rows]


def _decided(row: Any) -> Decided:
    said, to = Verdict(row[4]), Verdict(row[6])
    return Decided(
        row[0], row[1], row[2], row[3], said, row[5], to, row[7], row[8], row[9] or "", row[10], row[11], row[12]
    )


def mark_seen(
    session: Session, user_id: int, ids: Sequence[int] | None = None, *, project_id: int | None = None
) -> int:
    """Note that a person has seen what was decided, all that they are told of without ``ids``; returns how many were new to them."""
    told = [
        one.id for one in decided(session, user_id, limit=MOST, project_id=project_id) if ids is None or one.id in ids
    ]
    mine = update(DecidedReview).where(DecidedReview.id.in_(told))
    done = session.execute(mine.values(seen_at=now()).execution_options(synchronize_session=False))
    return int(getattr(done, "rowcount", 0))
