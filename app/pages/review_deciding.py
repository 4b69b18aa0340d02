"""From what a person marked and typed to the rows of a decision, and what stands in its way."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.auth import Person
from app.pages.review_board import MOVED
from app.pages.review_drafts import correction_of
from app.pages.review_reply import Refused
from app.view import review_steps
from app.view.languages import N_, _
from app.view.review_form import ReviewForm, of_review
from core.error_types import ErrorType, offered
from core.projects import ProjectSettings
from core.types import Critique, QueueKind, Verdict
from store import judgements, outputs, reviews
from store.reviews import NewCorrection, NewReview
from store.tables import Assignment, Correction, Output, Review

NOTHING = N_(
    "Nothing is marked or typed yet. Mark the first bad step (x) or say what is wrong (c), then submit. "
    "If nothing is wrong, accept it (a)."
)
TYPED = N_("You have marked or typed something. Submit it (Enter), or clear it to accept the answer.")
UNJUDGED = N_("You have marked or typed something. Submit it (Enter), or clear it to say that you cannot judge.")
RIGHT_ALONE = N_(
    "You say that the final answer is right. Mark the step that is wrong all the same (x), or accept it (a)."
)


NO_REASON = N_("Say in a few words why: those whose reviews you decide over read it.")


def taken(session: Session, slot: Assignment, output: Output, form: ReviewForm) -> Review | None:
    """The review that an adjudication took over, if the form still says the same; ``Refused`` without a reason for the decision."""
    if slot.queue.kind != QueueKind.ADJUDICATE:
        return None
    if not form.reason.strip():
        raise Refused(_(NO_REASON), "rv-reason")
    for review, correction in reviews.compared(session, output.id):
        if review.id == form.takes:
            return review if _says_the_same(review, correction, output, form) else None
    return None


def _says_the_same(review: Review, correction: Correction | None, output: Output, form: ReviewForm) -> bool:
    said = ReviewForm.model_validate(of_review(review, correction))
    if output.label is not None:
        said.label, said.rewrite = said.rewrite or "", None
    names = ("words", "label", "first_wrong_step", "ratings", "answer_right", "error_type", "written")
    same = all(getattr(said, name) == getattr(form, name) for name in names)
    return same and said.rewritten(output.text) == form.rewritten(output.text)


def verdict_of(action: str, form: ReviewForm, output: Output) -> Verdict:
    """What the decision says of the answer. Raises ``Refused``, saying what is missing or in the way."""
    if action == "accept":
        if _faults(form, output) or form.answer_right is False:
            raise Refused(_(TYPED), "rv-text" if form.words else "")
        return Verdict.ACCEPTABLE
    if action == "cannot_judge":
        marked = form.ratings if form.protocol == "per_step" else form.fine
        if _faults(form, output) or form.answer_right is not None or form.written or form.label or marked:
            raise Refused(_(UNJUDGED), "rv-text" if form.words else "")
        return Verdict.CANNOT_JUDGE
    if form.label and form.label == output.label and not form.words:
        return Verdict.ACCEPTABLE
    if _faults(form, output) or form.answer_right is False or form.label:
        return Verdict.FAULTY
    return _rated(form, len(output.steps))


def _faults(form: ReviewForm, output: Output) -> bool:
    """Whether anything in the form says that the answer is wrong."""
    other_label = bool(form.label) and form.label != output.label
    return bool(form.words or form.rewritten(output.text) or form.first_wrong_step is not None or other_label)


def _rated(form: ReviewForm, steps: int) -> Verdict:
    """Of an answer in which nothing is called wrong: acceptable where every step was rated."""
    if form.protocol == "per_step" and form.ratings and steps:
        left = form.unrated(steps)
        if not left:
            return Verdict.ACCEPTABLE
        raise Refused(_("Step {n} is not rated yet. Rate every step, or accept the rest (a).").format(n=left[0] + 1))
    raise Refused(_(RIGHT_ALONE if form.answer_right else NOTHING), "" if form.answer_right else "rv-text")


def review_of(
    session: Session,
    slot: Assignment,
    output: Output,
    form: ReviewForm,
    person: Person,
    verdict: Verdict,
    takes: Review | None = None,
) -> NewReview:
    """The row of the review; marks of another attempt are ``Refused``. ``takes``: of ``taken``."""
    steps = len(output.steps)
    places = [form.first_wrong_step or 0, *form.ratings, *(one[0] for one in form.written)]
    marked = form.first_wrong_step is not None or form.ratings or form.written
    if marked and (max(places) >= steps or form.output != output.id):
        raise Refused(_(MOVED))
    faulty, judged = verdict is Verdict.FAULTY, verdict is not Verdict.CANNOT_JUDGE
    blind = reviews.is_blind(session, slot, person.id)
    return NewReview(
        assignment_id=slot.id,
        user_id=person.id,
        output_id=output.id,
        verdict=verdict,
        first_wrong_step=form.first_wrong_step if faulty else None,
        step_labels=form.step_labels(steps, all_right=not faulty) if judged else (),
        error_type=form.error_of(error_types_of(output)) if faulty else None,
        seconds=min(form.seconds, 86_400.0),
        shown=_shown(session, output, form, blind=blind),
        protocol=form.protocol,
        answer_right=form.answer_right,
        blind=blind,
        alternatives=form.written,
        reason=form.reason if slot.queue.kind == QueueKind.ADJUDICATE else None,
        takes=takes.id if takes is not None else None,
    )


def error_types_of(output: Output) -> tuple[ErrorType, ...]:
    """What a reviewer of this answer may choose from."""
    return offered(ProjectSettings.model_validate(output.item.project.settings).error_types)


def _shown(session: Session, output: Output, form: ReviewForm, *, blind: bool) -> dict[str, Any]:
    """What stood there when the person decided, or would have, had the item not been blind.

    ``risk`` is what the calibration page judges; ``critiques`` are [source, step, label], ``finding`` [step, error type] what the page
    made of them; ``took`` is the critic whose finding the person took over with one key, if the mark is still there.
    """
    risk = judgements.risk(session, output.id)
    names = ("value", "raw", "version", "calibrated")
    critiques = [one for one in judgements.critiques(session, output.id) if one.step_index < len(output.steps)]
    found = review_steps.finding(critiques, error_types_of(output))
    shown: dict[str, Any] = {
        "risk": None if risk is None else {name: getattr(risk, name) for name in names},
        "critiques": [[one.source, one.step_index, int(one.label)] for one in critiques],
        "finding": [found.step, found.error_type] if found else None,
        "lessons": [chip.lesson.id for chip in outputs.chips(session, output.id)],
    }
    if found and not blind and _took(form, critiques, found.step):
        shown["took"] = form.took
    return shown


def _took(form: ReviewForm, critiques: list[Critique], step: int) -> bool:
    """Whether the critic that the browser names did call the step wrong that is marked."""
    return form.first_wrong_step == step and any(
        one.source == form.took and one.step_index == step and one.label < 0 for one in critiques
    )


def correction_for(
    session: Session, slot: Assignment, output: Output, form: ReviewForm, person: Person
) -> NewCorrection | None:
    """The correction to store, if there is one; the right label of a label item is its rewrite."""
    rewrite = form.rewritten(output.text)
    if form.label and form.label != output.label:
        rewrite = form.label
    if not form.words and rewrite is None:
        return None
    earlier = correction_of(session, slot.id, output.id)
    return new_correction(slot, output, form, person, rewrite, replaces_id=earlier.id if earlier is not None else None)


def new_correction(
    slot: Assignment, output: Output, form: ReviewForm, person: Person, rewrite: str | None, **more: Any
) -> NewCorrection:
    """What the form says is wrong with an answer; a mark counts only where it was set on it. ``more``: replaces_id, effect_key."""
    return NewCorrection(
        user_id=person.id,
        output_id=output.id,
        text=form.words,
        scope=form.scope,
        dependency=form.dependency,
        assignment_id=slot.id,
        step_index=form.first_wrong_step if form.output == output.id else None,
        error_type=form.error_of(error_types_of(output)),
        rewrite=rewrite,
        **more,
    )
