"""Adjudication over the API: answers that people judged differently, their reviews side by side, and what was decided of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app import reviewing
from app.api.access import Caller, needs
from app.api.claims import Decided
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.outputs import OutputDetail, detail_of
from app.api.problems import Problem, documented
from app.pages import review_board
from app.view.review_form import ReviewForm, of_review
from core.scopes import Scope
from core.types import AssignmentState, QueueKind, Verdict
from store import listing, projects, queue, reviews
from store.tables import Assignment, Correction, Output, Review

router = APIRouter(tags=["adjudication"])
Expert = Annotated[Caller, needs(Scope.REVIEWS_READ)]
Reviewer = Annotated[Caller, needs(Scope.REVIEWS_WRITE)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]


class CaseOut(BaseModel):
    """``why`` says what people said; nobody is named, so that the answer is judged and not the people."""

    assignment_id: int
    item_id: int
    external_id: str
    output_id: int
    state: AssignmentState
    why: str
    created_at: datetime


class Opinion(BaseModel):
    """A review as the page shows it, by a letter. Steps count from 0; ``rewrite`` is the whole answer as it should be."""

    review_id: int
    letter: str
    verdict: Verdict
    first_wrong_step: int | None
    step_labels: list[int | None]
    error_type: str | None
    answer_right: bool | None
    words: str
    rewrite: str | None


class CaseDetail(CaseOut):
    """``differ_in`` says in words where to look; ``decision_id`` is the review that decided, where one did."""

    output: OutputDetail
    reviews: list[Opinion]
    differ_in: list[str]
    decision_id: int | None


class Decision(Body):
    """``reason`` is told to those whose reviews are decided over. ``takes`` is a review to say the same as; else ``form`` says it."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    takes: Number | None = None
    action: Literal["submit", "accept", "cannot_judge"] = "submit"
    form: ReviewForm = ReviewForm()


class DecidedOut(BaseModel):
    """What was decided about one of one's own reviews. ``taken``: the decision is what one said."""

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


class Seen(Body):
    """Ids of what was decided; all of them without."""

    ids: Annotated[list[Number], Field(max_length=1000)] | None = None


class Marked(BaseModel):
    """How many were new."""

    seen: int


@router.get("/projects/{project_id}/adjudication", responses=documented(404))
def list_cases(project_id: Id, state: State, caller: Expert, where: Paging) -> Page[CaseOut]:
    """The newest first, those that are decided too."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.cases(session, project_id, after=where.after, limit=where.limit + 1)
    told = [CaseOut(**_told(slot, name)) for slot, name in rows]
    return Page[CaseOut](**where.page(told, [slot.id for slot, _ in rows]))


@router.get("/adjudication/{assignment_id}", responses=documented(404))
def get_case(assignment_id: Id, state: State, caller: Expert) -> CaseDetail:
    """With the reviews side by side."""
    with state.db.read() as session:
        slot = _case(session, assignment_id, caller)
        output = session.get_one(Output, slot.output_id)
        seen = review_board.compared(session, slot, output)
        letters = {one.review_id: one.letter for one in seen.opinions}
        decision = reviews.latest_review(session, slot.id)
        return CaseDetail(
            **_told(slot, output.item.external_id),
            output=detail_of(session, output),
            reviews=[
                _opinion(review, correction, letters[review.id])
                for review, correction in reviews.compared(session, output.id)
                if review.id in letters
            ],
            differ_in=list(seen.differ_in),
            decision_id=decision.id if decision is not None else None,
        )


@router.post("/adjudication/{assignment_id}/decide", response_model=Decided, responses=documented(404, 409))
def decide(request: Request, assignment_id: Id, wanted: Decision, caller: Reviewer, key: Key = None) -> Response:
    """Claim the case and decide it, at once. 409 where somebody else has it, it is decided, or one reviewed its item oneself."""

    def act(session: Any) -> Decided:
        slot = _case(session, assignment_id, caller)
        project_id, person = slot.queue.project_id, caller.person
        if not person.may(QueueKind.ADJUDICATE.role, project_id):
            raise Problem(403, "missing_role", "Experts decide. Ask an admin to change your role.")
        held = queue.claim_item(session, person.id, project_id, slot.item_id, QueueKind.ADJUDICATE)
        if held is None or held.assignment_id != assignment_id:
            why = queue.why_not_item(session, person.id, project_id, slot.item_id, QueueKind.ADJUDICATE)
            raise Problem(409, "not_claimed", why)
        output = review_board.current_output(session, slot)
        form = _form(session, output, wanted)
        verdict, done = reviewing.decide(
            session, slot, output, form, person, action=wanted.action, token=held.token, current=output.id
        )
        job = reviewing.distil(session, slot.item_id, person.id)
        return Decided(
            review_id=done.review_id,
            correction_id=done.correction_id,
            verdict=verdict,
            distil_job_id=job.id if job is not None else None,
        )

    try:
        return once(request, caller, key, wanted, act, 200)
    except queue.LostClaim as lost:
        raise Problem(409, "lost_claim", str(lost)) from None


@router.get("/decisions", responses=documented())
def list_decisions(
    state: State,
    caller: Reviewer,
    where: Paging,
    unseen: Annotated[bool, Query(description="only what was not marked as seen")] = False,
) -> Page[DecidedOut]:
    """What was decided about one's own reviews, the newest first."""
    with state.db.read() as session:
        rows = reviews.decided(
            session,
            caller.person.id,
            unseen=unseen,
            limit=where.limit + 1,
            after=where.after,
            project_id=caller.project_id,
        )
    told = [DecidedOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[DecidedOut](**where.page(told, [row.id for row in rows]))


@router.post("/decisions/seen", response_model=Marked, responses=documented(409))
def mark_seen(request: Request, wanted: Seen, caller: Reviewer, key: Key = None) -> Response:
    """Note that one has seen what was decided."""

    def act(session: Any) -> Marked:
        count = reviews.mark_seen(session, caller.person.id, wanted.ids, project_id=caller.project_id)
        return Marked(seen=count)

    return once(request, caller, key, wanted, act, 200)


def _case(session: Any, assignment_id: int, caller: Caller) -> Assignment:
    slot = listing.assignment(session, assignment_id)
    if slot.queue.kind != QueueKind.ADJUDICATE:
        raise LookupError(f"there is no case {assignment_id}")
    caller.in_project(slot.queue.project_id)
    return slot


def _told(slot: Assignment, external_id: str) -> dict[str, Any]:
    own = {"assignment_id": slot.id, "item_id": slot.item_id, "output_id": slot.output_id, "state": slot.state}
    return {**own, "external_id": external_id, "why": slot.reason or "", "created_at": slot.created_at}


def _opinion(review: Review, correction: Correction | None, letter: str) -> Opinion:
    own = ("verdict", "first_wrong_step", "step_labels", "error_type", "answer_right")
    return Opinion(
        **{name: getattr(review, name) for name in own},
        review_id=review.id,
        letter=letter,
        words=correction.text if correction is not None else "",
        rewrite=correction.rewrite if correction is not None else None,
    )


def _form(session: Any, output: Output, wanted: Decision) -> ReviewForm:
    """What was sent, or what the review that is taken said."""
    given = {"output": output.id, "reason": wanted.reason, "takes": wanted.takes or 0}
    if wanted.takes is None:
        return wanted.form.model_copy(update=given)
    for review, correction in reviews.compared(session, output.id):
        if review.id == wanted.takes:
            form = ReviewForm.model_validate(of_review(review, correction))
            if output.label is not None:
                form.label, form.rewrite = form.rewrite or "", None
            return form.model_copy(update=given)
    raise ValueError(f"review {wanted.takes} is not one of this answer")
