"""Reviewing over the API: claim an item, keep the lease, save what is typed, decide, let the model try again, or leave it.

The review page uses the heartbeat, the release and the drafts of these routes; a program uses all of them in its owner's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from app import reviewing
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, State
from app.api.jobs import JobOut
from app.api.jobs import told as job_told
from app.api.outputs import OutputDetail, detail_of
from app.api.problems import Problem, documented
from app.pages import review_board, review_reask
from app.pages.review_reply import Refused
from app.pages.review_retry import ALREADY, pending
from app.view.review_form import ReviewForm
from app.worker.waking import wake_relevance
from core.scopes import Scope
from core.types import QueueKind, Verdict
from store import drafts, items, lesson_proposals, outputs, projects, queue, reviews
from store.queue import Claim
from store.tables import Assignment, Output, Retrieval

router = APIRouter(tags=["claims"])
Reviewer = Annotated[Caller, needs(Scope.REVIEWS_WRITE)]
ClaimToken = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Wanted(Body):
    """The next item of that queue, or the one named. The expert queue is for experts."""

    queue: QueueKind = QueueKind.ANNOTATE
    item_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None


class Held(BaseModel):
    """``token`` proves the claim until ``deadline``. ``blind``: what machines say of the answer is left out, as on the page."""

    assignment_id: int
    token: str
    deadline: datetime
    project_id: int
    queue: QueueKind
    item_id: int
    external_id: str
    prompt: str
    context: str
    reference: str | None
    guidelines: str
    labels: list[str]
    blind: bool
    output: OutputDetail


class Empty(BaseModel):
    """Nothing to claim, and where the slots are by cause."""

    assignment_id: None = None
    causes: dict[str, int]


class Proof(Body):
    token: ClaimToken


class Leaving(Proof):
    reason: Reason


class Decision(Proof):
    """``form`` is what the review page sends: words, rewrite, marks. ``output_id`` is the answer that was looked at."""

    action: Literal["submit", "accept", "cannot_judge"] = "submit"
    output_id: Annotated[int, Field(ge=1, le=LARGEST)]
    form: ReviewForm = ReviewForm()


class Trying(Proof):
    output_id: Annotated[int, Field(ge=1, le=LARGEST)]
    form: ReviewForm = ReviewForm()


class LessonVote(Proof):
    """On a lesson that was in the answer's prompt: ``retrieval_id`` as the claim's output has it; null takes the vote back."""

    retrieval_id: Annotated[int, Field(ge=1, le=LARGEST)]
    vote: Literal["used", "not_relevant"] | None = None


class Decided(BaseModel):
    """``distil_job_id`` proposes lessons from the item's corrections, where it has some."""

    review_id: int
    correction_id: int | None
    verdict: Verdict
    distil_job_id: int | None


class Deadline(BaseModel):
    deadline: datetime


class Voted(BaseModel):
    retrieval_id: int
    vote: str | None


@router.post("/projects/{project_id}/claims", responses=documented(404, 409))
def claim(project_id: Id, wanted: Wanted, state: State, caller: Reviewer) -> Held | Empty:
    """Claim an item for the token's owner. What they hold already comes first, with a new token."""
    caller.in_project(project_id)
    if not caller.person.may(wanted.queue.role, project_id):
        raise Problem(403, "missing_role", "This queue is for experts. Ask an admin to change your role.")
    person = caller.person.id
    with state.db.write() as session:
        projects.get(session, project_id)
        if wanted.item_id is None:
            got = queue.claim_next(session, person, project_id, wanted.queue)
        else:
            got = queue.claim_item(session, person, project_id, wanted.item_id, wanted.queue)
            if got is None:
                why = queue.why_not_item(session, person, project_id, wanted.item_id, wanted.queue)
                raise Problem(409, "not_claimed", why)
        if got is None:
            return Empty(causes=queue.why_empty(session, project_id, person, wanted.queue))
        return _held(session, got, caller)


@router.post("/projects/{project_id}/claims/undo", responses=documented(404, 409))
def undo(project_id: Id, wanted: Wanted, state: State, caller: Reviewer) -> Held:
    """Reopen the owner's last review of that queue; what is submitted next is its next revision."""
    caller.in_project(project_id)
    with state.db.write() as session:
        projects.get(session, project_id)
        last = review_board.last_submitted(session, project_id, caller.person.id, wanted.queue)
        if last is None:
            raise Problem(409, "nothing_to_undo", "There is no review of yours to reopen here.")
        return _held(session, queue.reopen(session, last.id, caller.person.id), caller)


@router.post("/claims/{assignment_id}/heartbeat", responses=documented(404, 409))
def heartbeat(assignment_id: Id, proof: Proof, state: State, caller: Reviewer) -> Deadline:
    """Keep the item for another lease. 409 with the reason when it is no longer the person's."""
    with _slot(state, assignment_id, proof.token, caller) as (session, _):
        return Deadline(deadline=queue.extend(session, assignment_id, proof.token))


@router.post("/claims/{assignment_id}/release", status_code=204, responses=documented(404, 409))
def release(assignment_id: Id, proof: Proof, state: State, caller: Reviewer) -> Response:
    """Back to the queue without a word; also sent by the browser as the page goes away."""
    with _slot(state, assignment_id, proof.token, caller) as (session, _):
        queue.release(session, assignment_id, proof.token)
    return Response(status_code=204)


@router.post("/claims/{assignment_id}/skip", status_code=204, responses=documented(404, 409))
def skip(assignment_id: Id, leaving: Leaving, state: State, caller: Reviewer) -> Response:
    """Leave it to others, with a reason."""
    with _slot(state, assignment_id, leaving.token, caller) as (session, _):
        queue.skip(session, assignment_id, leaving.token, caller.person.id, leaving.reason)
    return Response(status_code=204)


@router.post("/claims/{assignment_id}/flag", status_code=204, responses=documented(404, 409))
def flag(assignment_id: Id, leaving: Leaving, state: State, caller: Reviewer) -> Response:
    """Hand it to the experts, with a reason."""
    with _slot(state, assignment_id, leaving.token, caller) as (session, _):
        queue.flag(session, assignment_id, leaving.token, caller.person.id, leaving.reason)
    return Response(status_code=204)


@router.post("/claims/{assignment_id}/submit", responses=documented(404, 409))
def submit(assignment_id: Id, decision: Decision, state: State, caller: Reviewer) -> Decided:
    """Decide; sent twice with one token it counts once. 409 where the claim is lost: the words are kept among one's drafts."""
    with _slot(state, assignment_id, decision.token, caller) as (session, slot):
        output = _output(session, slot, decision.output_id)
        verdict, done = reviewing.decide(
            session, slot, output, decision.form, caller.person, action=decision.action, token=decision.token
        )
        job = reviewing.distil(session, slot.item_id, caller.person.id)
        return Decided(
            review_id=done.review_id,
            correction_id=done.correction_id,
            verdict=verdict,
            distil_job_id=job.id if job is not None else None,
        )


@router.post("/claims/{assignment_id}/retry", status_code=201, responses=documented(404, 409))
def retry(assignment_id: Id, trying: Trying, state: State, caller: Reviewer) -> JobOut:
    """Let the model answer again with the words of ``form``, which are kept as a correction. Claim the item again for its answer."""
    with _slot(state, assignment_id, trying.token, caller) as (session, slot):
        queue.extend(session, assignment_id, trying.token)
        if slot.queue.kind == QueueKind.ADJUDICATE:
            raise Refused("Decide about this answer: people reviewed it, and no other one.")
        if not trying.form.words:
            raise Refused("Say what is wrong first: the model tries again with your words.")
        output = _current(session, slot, trying.output_id)
        return job_told(reviewing.retry(session, slot, output, trying.form, caller.person))


@router.post("/claims/{assignment_id}/reask", status_code=201, responses=documented(404, 409))
def reask(assignment_id: Id, trying: Trying, state: State, caller: Reviewer) -> JobOut:
    """Ask once more with what speaks against the answer, where its risk is above the project's threshold."""
    with _slot(state, assignment_id, trying.token, caller) as (session, slot):
        queue.extend(session, assignment_id, trying.token)
        output = _current(session, slot, trying.output_id)
        return job_told(review_reask.ask(session, slot, output, caller.person))


@router.post("/claims/{assignment_id}/votes", responses=documented(404, 409))
def vote(assignment_id: Id, voted: LessonVote, state: State, caller: Reviewer) -> Voted:
    """Whether a lesson that was in the prompt was of use."""
    with _slot(state, assignment_id, voted.token, caller) as (session, slot):
        queue.extend(session, assignment_id, voted.token)
        row = session.get(Retrieval, voted.retrieval_id)
        output = review_board.current_output(session, slot)
        if row is None or row.output_id != output.id:
            raise Problem(409, "moved", "This lesson was not in the prompt of the answer that you hold.")
        outputs.vote_chip(session, row.id, voted.vote, caller.person.id)
        wake_relevance(session, output.item.project_id)
        lesson_proposals.renew(session, [row.lesson_id])
        return Voted(retrieval_id=row.id, vote=voted.vote)


@contextmanager
def _slot(state: Any, assignment_id: int, token: str, caller: Caller) -> Iterator[tuple[Session, Assignment]]:
    """The slot in a writing transaction. 403 for somebody else's, 404 for none, 409 when the claim is lost."""
    try:
        with state.db.write() as session:
            slot = session.get(Assignment, assignment_id)
            if slot is None:
                raise Problem(404, "not_found", "There is no such item.")
            caller.in_project(slot.queue.project_id)
            if slot.token == token and slot.holder_id != caller.person.id:
                raise Problem(403, "not_yours", "This item is held by somebody else.")
            yield session, slot
    except queue.LostClaim as lost:
        raise Problem(409, "lost_claim", str(lost)) from None
    except PermissionError as problem:
        raise Problem(403, "not_yours", str(problem)) from None


def _output(session: Session, slot: Assignment, output_id: int) -> Output:
    output = session.get(Output, output_id)
    if output is None or output.item_id != slot.item_id:
        raise Problem(422, "invalid_request", "This is no answer of the item that you hold.")
    return output


def _current(session: Session, slot: Assignment, output_id: int) -> Output:
    output = review_board.current_output(session, slot)
    if output.id != output_id:
        raise Refused(review_board.MOVED)
    if pending(session, slot, output.item.project_id) is not None:
        raise Refused(ALREADY)
    return output


def _held(session: Session, claim: Claim, caller: Caller) -> Held:
    slot = session.get_one(Assignment, claim.assignment_id)
    item = items.get(session, claim.item_id)
    blind = reviews.is_blind(session, slot, caller.person.id)
    output = review_board.current_output(session, slot)
    return Held(
        assignment_id=claim.assignment_id,
        token=claim.token,
        deadline=claim.deadline,
        project_id=item.project_id,
        queue=QueueKind(slot.queue.kind),
        item_id=item.id,
        external_id=item.external_id,
        prompt=item.prompt,
        context=item.context,
        reference=item.reference,
        guidelines=item.project.guidelines,
        labels=[str(label) for label in item.project.labels],
        blind=blind,
        output=detail_of(session, output, blind=blind),
    )


class DraftIn(BaseModel):
    """``revision`` counts the changes that were seen; the largest wins. Further fields, as the page sends them, are left out."""

    revision: int = Field(ge=1, le=2**31 - 1)
    body: ReviewForm


class DraftKept(BaseModel):
    """``handling`` proposes how far the words reach and what they build on, unless that was chosen."""

    revision: int
    saved_at: datetime
    handling: dict[str, Any] | None


@router.put("/drafts/{assignment_id}", responses=documented(404))
def save_draft(assignment_id: Id, draft: DraftIn, request: Request, state: State, caller: Reviewer) -> DraftKept:
    """Keep what was typed for an item that the person holds or held. Refused (403, 404) for anybody else's."""
    from core.lessons import handling
    from store.clock import now

    try:
        with state.db.write() as session:
            slot = session.get(Assignment, assignment_id)
            if slot is not None:
                caller.in_project(slot.queue.project_id)
            body = draft.body.model_dump(mode="json")
            kept = drafts.save(session, assignment_id, caller.person.id, body, draft.revision)
    except PermissionError:
        raise Problem(403, "not_yours", "not yours, kept here") from None
    except LookupError:
        raise Problem(404, "not_found", "item gone, kept here") from None
    proposed = None
    if draft.body.words and not draft.body.handled:
        found = handling.classify(draft.body.words, step_index=draft.body.first_wrong_step)
        proposed = {"scope": found.scope, "dependency": found.dependency, "why": found.why}
    return DraftKept(revision=kept, saved_at=now(), handling=proposed)
