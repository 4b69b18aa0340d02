"""A decision about an answer, from the review page or over the API: what is stored, and what it sets going, in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.auth import Person
from app.pages import review_board
from app.pages.review_board import MOVED
from app.pages.review_deciding import correction_for, new_correction, review_of, taken, verdict_of
from app.pages.review_reply import Refused
from app.view.languages import _
from app.view.review_form import ReviewForm
from app.worker import jobs as worker_jobs
from app.worker.waking import after_review
from core.types import JobPriority, Verdict
from store import items, reviews
from store.reviews import NewCorrection, SubmitResult
from store.tables import Assignment, Job, Output
from store.text import digest


def decide(
    session: Session,
    slot: Assignment,
    output: Output,
    form: ReviewForm,
    person: Person,
    *,
    action: str,
    token: str,
    current: int | None = None,
) -> tuple[Verdict, SubmitResult]:
    """``action`` is submit, accept or cannot_judge. ``current``: the id of the output under review, where it is known.

    Raises ``Refused``, ``store.queue.LostClaim``.
    """
    if slot.token == token and output.id != (current or review_board.current_output(session, slot).id):
        raise Refused(_(MOVED))
    takes = taken(session, slot, output, form)
    # Who takes a review takes its verdict; its correction stands and needs no copy.
    verdict = Verdict(takes.verdict) if takes is not None else verdict_of(action, form, output)
    writes = action == "submit" and takes is None
    correction = correction_for(session, slot, output, form, person) if writes else None
    review = review_of(session, slot, output, form, person, verdict, takes)
    result = reviews.submit(session, review, correction, token)
    project_id = output.item.project_id
    after_review(session, project_id, output.id, result.review_id)
    return verdict, result


def distil(session: Session, item_id: int, user_id: int) -> Job | None:
    """The job that proposes lessons of an item; ``None`` where it has no corrections."""
    if not reviews.has_corrections(session, item_id):
        return None
    return worker_jobs.enqueue(
        session,
        "distil",
        {"item_id": item_id, "user_id": user_id},
        priority=JobPriority.PERSON_WAITING,
        dedupe_key=f"distil:{item_id}",
        project_id=items.get(session, item_id).project_id,
        user_id=user_id,
    )


def retry(session: Session, slot: Assignment, output: Output, form: ReviewForm, person: Person) -> Job:
    """The job that answers again with what the person said, which is kept as a correction."""
    correction = reviews.add_correction(session, _tried(slot, output, form, person))
    return worker_jobs.enqueue(
        session,
        "retry",
        {"output_id": output.id, "correction_id": correction.id},
        priority=JobPriority.PERSON_WAITING,
        dedupe_key=f"retry:{output.id}:{slot.id}",
        project_id=output.item.project_id,
        user_id=person.id,
    )


def _tried(slot: Assignment, output: Output, form: ReviewForm, person: Person) -> NewCorrection:
    """What the person said, under a key that the same words about the same answer share: sent twice, they are one row."""
    key = f"try:{slot.id}:{output.id}:{digest(form.words, length=16)}"
    return new_correction(slot, output, form, person, form.rewritten(output.text), effect_key=key)
