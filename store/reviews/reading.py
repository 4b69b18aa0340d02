"""Reading what was decided: reviews of an item, the history of an item for distillers, finished items for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from core.lessons.base import History
from core.reports.base import HistoryRow
from core.types import Attempt, CorrectionText, Dependency, Scope, Verdict
from store import outputs
from store.reviews.corrections import corrections_for
from store.reviews.revisions import is_current
from store.tables import Correction, Item, Output, RetractionEntry, Review
from store.withdrawn import held


def get(session: Session, review_id: int) -> Review:
    """Raises ``LookupError``."""
    review = session.get(Review, review_id)
    if review is None:
        raise LookupError(f"there is no review {review_id}")
    return review


def latest_review(session: Session, assignment_id: int) -> Review | None:
    """The newest revision of the review of a slot."""
    query = select(Review).where(Review.assignment_id == assignment_id)
    return session.scalar(query.order_by(Review.id.desc()).limit(1))


def reviews_for(session: Session, item_id: int) -> Sequence[Review]:
    """Current reviews of the item's outputs, oldest first."""
    query = select(Review).join(Output, Output.id == Review.output_id).where(Output.item_id == item_id)
    return session.scalars(query.where(is_current(Review)).order_by(Review.id)).all()


def verdicts_on(session: Session, output_ids: Sequence[int]) -> dict[int, list[Verdict]]:
    """What people said of each output in reviews that stand, oldest first; one review a person."""
    query = select(Review.output_id, Review.verdict).where(Review.output_id.in_(output_ids), is_current(Review))
    found: dict[int, list[Verdict]] = {}
    for output_id, verdict in session.execute(query.order_by(Review.id)):
        found.setdefault(output_id, []).append(Verdict(verdict))
    return found


def reviewed_count(session: Session, project_id: int) -> int:
    """How many outputs of the project have a review that judged them."""
    # From each review to its project: joined, SQLite walks the project's items, of which there may be a million, under the write lock.
    of_project = exists().where(Output.id == Review.output_id, Item.id == Output.item_id, Item.project_id == project_id)
    judged = (Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review))
    query = select(func.count(Review.output_id.distinct())).where(*judged, of_project.correlate(Review))
    return session.scalar(query) or 0


def as_text(row: Correction) -> CorrectionText:
    """A correction as prompts and exports need it."""
    return CorrectionText(
        row.id, row.text, Scope(row.scope), Dependency(row.dependency), row.step_index, row.error_type, row.rewrite
    )


def history(session: Session, item_id: int) -> History:
    """The attempts on an item in order, each with the correction that followed it, and what was accepted in the end.

    Corrections that were taken back are not in it: it goes into prompts, and lessons are made from it.
    """
    gone = set(session.scalars(held("correction").where(RetractionEntry.owner_id.in_(_corrections_of(item_id)))))
    corrections = [row for row in corrections_for(session, item_id) if row.id not in gone]
    last = {row.output_id: as_text(row) for row in corrections}
    rows = outputs.attempts(session, item_id)
    attempts = tuple(
        Attempt(output.attempt, output.text, outputs.to_steps(output), last.get(output.id)) for output in rows
    )
    judged = (review for review in reviews_for(session, item_id) if review.verdict != Verdict.CANNOT_JUDGE)
    verdicts = {review.output_id: review.verdict for review in judged}
    return History(outputs.question(session, item_id), attempts, _final(rows, verdicts, corrections))


def _corrections_of(item_id: int) -> Select[int]:
    return select(Correction.id).join(Output, Output.id == Correction.output_id).where(Output.item_id == item_id)


def _final(rows: Sequence[Output], verdicts: dict[int, str], corrections: Sequence[Correction]) -> str | None:
    """The newest answer that was accepted; where none was, the newest rewrite by a person."""
    for output in reversed(rows):
        if verdicts.get(output.id) == Verdict.ACCEPTABLE:
            return output.text
    return next((row.rewrite for row in reversed(corrections) if row.rewrite), None)


@dataclass(slots=True)
class _Judged:
    """What is known of one item: (attempt, verdict) of its judged outputs, and how often each attempt was corrected."""

    verdicts: dict[int, str] = field(default_factory=dict)
    corrected: list[int] = field(default_factory=list)
    last: tuple[datetime, int, str] | None = None


def finished(session: Session, project_id: int) -> list[HistoryRow]:
    """One row per item of which an output was judged, in the order of their last reviews."""
    items: dict[int, _Judged] = {}
    judged = (
        select(Output.item_id, Output.attempt, Review.verdict, Review.created_at, Review.id)
        .join(Review, Review.output_id == Output.id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review))
        .order_by(Review.id)
    )
    for item_id, attempt, verdict, moment, review_id in session.execute(judged):
        item = items.setdefault(item_id, _Judged())
        item.verdicts[attempt] = verdict
        item.last = (moment, review_id, verdict)
    corrected = (
        select(Output.item_id, Output.attempt)
        .join(Correction, Correction.output_id == Output.id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, is_current(Correction))
    )
    for item_id, attempt in session.execute(corrected):
        if item_id in items:
            items[item_id].corrected.append(attempt)
    rows = [(item.last, _history_row(item_id, item)) for item_id, item in items.items() if item.last]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _history_row(item_id: int, item: _Judged) -> HistoryRow:
    assert item.last is not None
    moment, _, verdict = item.last
    first, last = 1, max(item.verdicts)
    return HistoryRow(
        item_id=item_id,
        corrections=len(item.corrected),
        accepted=verdict == Verdict.ACCEPTABLE,
        day=moment.date().isoformat(),
        first_attempt_wrong=item.verdicts.get(first) == Verdict.FAULTY or first in item.corrected,
        last_attempt_wrong=item.verdicts[last] == Verdict.FAULTY,
    )
