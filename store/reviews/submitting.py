"""Submitting a review: fence, review, correction, audit and draft in one transaction, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.projects import STEP_PROTOCOLS
from core.types import QueueKind, StepLabel, Verdict
from core.webhooks import Event
from store import audit, drafts, outputs, queue, subtasks, webhooks
from store.reviews import auditing, deciding, disagreeing
from store.reviews.corrections import NewCorrection, add_correction
from store.tables import Assignment, Correction, Output, Review
from store.text import clean


@dataclass(frozen=True, slots=True)
class NewReview:
    """``step_labels`` has an entry per step of the output (-1, 0, +1 or ``None``); ``shown`` is what stood there to be seen.

    ``alternatives`` are (step, text, label or ``None``): what else could stand there, in the person's words. ``answer_right`` is about
    the final answer alone, whatever the steps are. ``blind``: what machines say was hidden. Of an adjudication ``reason`` is told to
    those whose reviews it decides, and ``takes`` is the review that it says the same as, if any.
    """

    assignment_id: int
    user_id: int
    output_id: int
    verdict: str
    first_wrong_step: int | None = None
    step_labels: Sequence[int | None] = ()
    error_type: str | None = None
    seconds: float | None = None
    shown: dict[str, Any] | None = None
    protocol: str = "first_error"
    answer_right: bool | None = None
    blind: bool = False
    alternatives: Sequence[tuple[int, str, int | None]] = ()
    reason: str | None = None
    takes: int | None = None


@dataclass(frozen=True, slots=True)
class SubmitResult:
    review_id: int
    correction_id: int | None


def submit(session: Session, review: NewReview, correction: NewCorrection | None, token: str) -> SubmitResult:
    """Finish a slot with a decision, all in this transaction; the draft goes, since its text is now in the rows.

    Raises ``queue.LostClaim`` when the token is stale: nothing is decided then, but the text is kept as a stale draft
    (``Database.write`` commits that). Raises ``ValueError`` on a verdict, step or output that cannot be.
    Sending the same decision twice with one token gives the first result again.
    """
    steps = _check(session, review)
    try:
        queue.submit(session, review.assignment_id, token)
    except queue.LostClaim as lost:
        again = _sent_already(session, review, correction, token, steps)
        if again is not None:
            return again
        raise _keep(session, review, correction, lost) from None
    slot = session.get_one(Assignment, review.assignment_id, options=[joinedload(Assignment.queue)])
    if slot.holder_id != review.user_id:
        raise PermissionError("this item is held by somebody else: sign in as who claimed it")
    slot.output_id = review.output_id
    row = _review_row(session, review, steps, decides=slot.queue.kind == QueueKind.ADJUDICATE)
    if row.decides:
        deciding.keep(session, row, review.takes)
    disagreeing.to_experts(session, slot)
    auditing.look_again(session, slot)
    subtasks.after_review(session, slot)
    drafts.discard(session, review.assignment_id, review.user_id)
    correction_id = None
    if correction is not None:
        correction_id = add_correction(session, _of_slot(correction, review)).id
    new = {"verdict": row.verdict, "revision": row.revision, "correction": correction_id}
    audit.record(session, "review.submit", "review", row.id, user_id=review.user_id, new=new)
    told = {"review_id": row.id, "output_id": row.output_id, "item_id": slot.item_id, "correction_id": correction_id}
    webhooks.emit(
        session,
        Event.REVIEW_SUBMITTED,
        slot.queue.project_id,
        **told,
        verdict=row.verdict,
        revision=row.revision,
        queue=slot.queue.kind,
    )
    session.flush()
    return SubmitResult(row.id, correction_id)


def _check(session: Session, review: NewReview) -> int:
    """Number of steps of the reviewed output; raises ``ValueError`` when the review does not fit it."""
    Verdict(review.verdict)
    output, slot = session.get(Output, review.output_id), session.get(Assignment, review.assignment_id)
    if output is None or slot is None or output.item_id != slot.item_id:
        raise ValueError(f"output {review.output_id} does not answer the item of assignment {review.assignment_id}")
    steps = outputs.step_count(session, review.output_id)
    if review.first_wrong_step is not None and not 0 <= review.first_wrong_step < steps:
        raise ValueError(f"the answer has {steps} steps, and no step {review.first_wrong_step + 1}")
    if len(review.step_labels) > steps:
        raise ValueError(f"{len(review.step_labels)} step labels for {steps} steps")
    for label in review.step_labels:
        if label is not None:
            StepLabel(label)
    if review.protocol not in STEP_PROTOCOLS:
        raise ValueError(f"steps are reviewed by {', '.join(STEP_PROTOCOLS)}, and not by {review.protocol!r}")
    _check_alternatives(review, steps)
    return steps


def _check_alternatives(review: NewReview, steps: int) -> None:
    for step, text, label in review.alternatives:
        if not 0 <= step < steps:
            raise ValueError(f"the answer has {steps} steps, and no step {step + 1} to write an alternative for")
        if not clean(text).strip():
            raise ValueError(f"the alternative for step {step + 1} has no words")
        if label is not None:
            StepLabel(label)


def _alternatives(review: NewReview) -> list[list[Any]]:
    """As they are stored: by step, in the order in which they were written."""
    by_step = sorted(review.alternatives, key=lambda one: one[0])
    return [[step, clean(text).strip(), None if label is None else int(label)] for step, text, label in by_step]


def _labels(review: NewReview, steps: int) -> list[int | None]:
    labels = [None if label is None else int(label) for label in review.step_labels]
    return labels + [None] * (steps - len(labels)) if labels else []


def _review_row(session: Session, new: NewReview, steps: int, *, decides: bool) -> Review:
    """The row of a review, as a revision of this person's earlier one of the slot if there is one."""
    before = session.scalar(
        select(Review)
        .where(Review.assignment_id == new.assignment_id, Review.user_id == new.user_id)
        .order_by(Review.id.desc())
        .limit(1)
    )
    row = Review(
        output_id=new.output_id,
        assignment_id=new.assignment_id,
        user_id=new.user_id,
        verdict=Verdict(new.verdict).value,
        first_wrong_step=new.first_wrong_step,
        step_labels=_labels(new, steps),
        error_type=new.error_type,
        seconds=new.seconds,
        shown=dict(new.shown or {}),
        protocol=new.protocol,
        answer_right=new.answer_right,
        blind=new.blind,
        alternatives=_alternatives(new),
        decides=decides,
        reason=clean(new.reason or "").strip() or None,
        revision=before.revision + 1 if before else 1,
        replaces_id=before.id if before else None,
    )
    session.add(row)
    session.flush()
    return row


def _of_slot(correction: NewCorrection, review: NewReview) -> NewCorrection:
    return replace(correction, assignment_id=review.assignment_id, user_id=review.user_id)


def _sent_already(
    session: Session, review: NewReview, correction: NewCorrection | None, token: str, steps: int
) -> SubmitResult | None:
    """The result of the same submission, when its answer was lost on the way and it was sent again."""
    slot = session.get_one(Assignment, review.assignment_id, populate_existing=True)
    if slot.state != queue.SUBMITTED or slot.token != token or slot.holder_id != review.user_id:
        return None
    row = session.scalar(
        select(Review)
        .where(Review.assignment_id == review.assignment_id, Review.user_id == review.user_id)
        .order_by(Review.id.desc())
        .limit(1)
    )
    if row is None or not _same(row, review, steps):
        return None
    kept = session.scalar(
        select(Correction)
        .where(
            Correction.assignment_id == review.assignment_id,
            Correction.user_id == review.user_id,
            Correction.created_at >= row.created_at,
        )
        .order_by(Correction.id.desc())
        .limit(1)
    )
    if correction is None:
        return SubmitResult(row.id, None) if kept is None else None
    if kept is None or (kept.text, kept.rewrite) != (clean(correction.text), clean(correction.rewrite)):
        return None
    return SubmitResult(row.id, kept.id)


def _same(row: Review, review: NewReview, steps: int) -> bool:
    """Whether a stored review says what this one says."""
    stored = (row.output_id, row.verdict, row.first_wrong_step, row.answer_right, row.step_labels, row.alternatives)
    sent = (review.output_id, review.verdict, review.first_wrong_step, review.answer_right)
    return stored == (*sent, _labels(review, steps), _alternatives(review))


def _keep(
    session: Session, review: NewReview, correction: NewCorrection | None, lost: queue.LostClaim
) -> queue.LostClaim:
    unsent = {"review": asdict(review), "correction": asdict(correction) if correction else None, "why": str(lost)}
    drafts.keep_unsent(session, review.assignment_id, review.user_id, unsent)
    audit.record(session, "review.lost_claim", "assignment", review.assignment_id, user_id=review.user_id)
    session.flush()
    return queue.LostClaim(review.assignment_id, str(lost), draft_kept=True)
