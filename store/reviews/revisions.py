"""Which of the revisions of a review or a correction counts now."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from store.tables import Correction, DecidedReview, Review
from store.withdrawn import held


@cache
def is_latest(row: type[Review] | type[Correction]) -> ColumnElement[bool]:
    """True of rows that no later revision replaces: what each person says now. A review that was taken back counts nowhere.

    Of corrections those that were taken back are among them, because a page shows what was said: see ``store.withdrawn``.
    """
    later = aliased(row)
    newest = ~exists().where(later.replaces_id == row.id)
    return and_(newest, Review.id.not_in(held("review"))) if row is Review else newest


def stands_as_decision(row: Any) -> tuple[ColumnElement[bool], ...]:
    """What makes a review, or an alias of it, a decision that stands."""
    later = aliased(Review)
    return row.decides, ~exists().where(later.replaces_id == row.id), row.id.not_in(held("review"))


@cache  # making it took a quarter of the time of a submission
def is_current(row: type[Review] | type[Correction]) -> ColumnElement[bool]:
    """True of what counts: the latest rows, and where an adjudication decided over an output, of its reviews the decision alone.

    Its corrections are then the decision's own and those of a review that it took.
    """
    decision = aliased(Review)
    stands = [decision.output_id == row.output_id, *stands_as_decision(decision)]
    if row is Review:
        return and_(is_latest(Review), or_(Review.decides, ~exists().where(*stands)))
    taken = aliased(Review)
    of_taken = exists().where(
        DecidedReview.decision_id == decision.id,
        DecidedReview.taken,
        taken.id == DecidedReview.review_id,
        taken.assignment_id == Correction.assignment_id,
    )
    overruled = exists().where(*stands, Correction.assignment_id != decision.assignment_id, ~of_taken)
    return and_(is_latest(Correction), ~overruled)
