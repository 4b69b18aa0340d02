"""Reviewing over the API: claim an item, keep the lease, save what is typed, decide, let the model try again, or leave it.

The review page uses the heartbeat, the release and the drafts of these routes; a program uses all of them in its owner's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from app import reviewing
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, State, once
from app.api.jobs import JobOut
from app.api.jobs import told as job_told
from app.api.outputs import OutputDetail, detail_of
from app.api.problems import Problem, documented
from app.pages import review_board, review_pieces, review_reask
from app.pages.review_reply import Refused
from app.pages.review_retry import ALREADY, pending
from app.view.review_form import ReviewForm
from app.worker.waking import wake_relevance
from core.scopes import Scope
from core.types import QueueKind, Verdict
from store import drafts, lesson_proposals, outputs, projects, queue, reviews, subtasks
from store.queue import Claim
from store.tables import Assignment, Output, Retrieval

router = APIRouter(tags=["claims"])
Reviewer = Annotated[Caller, needs(Scope.REVIEWS_WRITE)]
ClaimToken = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Wanted(Body):
    """The next item of that queue, or the one named; ``ahead``: the one after that, to have it ready.

    The expert queue is for experts.
    """

    queue: QueueKind = QueueKind.ANNOTATE
    item_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    ahead: bool = False


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


class Splitting(Proof):
    """A sub-task is a prompt of its own; the answer to it is reviewed like any other."""

    prompts: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=r"\S")]],
        Field(min_length=1, max_length=subtasks.MOST),
    ]


class Split(BaseModel):
    """Items of the sub-tasks, and the job that answers them."""

    item_ids: list[int]
    job_id: int


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


@router.post("/projects/{project_id}/claims", response_model=Held | Empty, responses=documented(404, 409))
def claim(request: Request, project_id: Id, wanted: Wanted, caller: Reviewer, key: Key = None) -> Response:
    """Claim an item for the token's owner. What they hold already comes first, with a new token."""
    caller.in_project(project_id)
    if not caller.person.may(wanted.queue.role, project_id):
        raise Problem(403, "missing_role", "This queue is for experts. Ask an admin to change your role.")
    person = caller.person.id

    def act(session: Session) -> Held | Empty:
        projects.queue_of(session, project_id, wanted.queue)
        if wanted.item_id is None:
            got = queue.claim_next(session, person, project_id, wanted.queue, ahead=wanted.ahead)
        else:
            got = queue.claim_item(session, person, project_id, wanted.item_id, wanted.queue)
            if got is None:
                why = queue.why_not_item(session, person, project_id, wanted.item_id, wanted.queue)
                raise Problem(409, "not_claimed", why)
        if got is None:
            return Empty(causes=queue.why_empty(session, project_id, person, wanted.queue))
        return _held(session, got, caller)

    return once(request, caller, key, wanted, act, 200)


@router.post("/projects/{project_id}/claims/undo", response_model=Held, responses=documented(404, 409))
def undo(request: Request, project_id: Id, wanted: Wanted, caller: Reviewer, key: Key = None) -> Response:
    """Reopen the owner's last review of that queue; what is submitted next is its next revision."""
    caller.in_project(project_id)

    def act(session: Session) -> Held:
        projects.get(session, project_id)
        last = review_board.last_submitted(session, project_id, caller.person.id, wanted.queue)
        if last is None:
            raise Problem(409, "nothing_to_undo", "There is no review of yours to reopen here.")
        return _held(session, queue.reopen(session, last.id, caller.person.id), caller)

    return once(request, caller, key, wanted, act, 200)


@router.post("/claims/{assignment_id}/heartbeat", response_model=Deadline, responses=documented(404, 409))
def heartbeat(request: Request, assignment_id: Id, proof: Proof, caller: Reviewer, key: Key = None) -> Response:
    """Keep the item for another lease. 409 with the reason when it is no longer the person's."""

    def act(session: Session, _: Assignment) -> Deadline:
        return Deadline(deadline=queue.extend(session, assignment_id, proof.token))

    return _once(request, caller, key, assignment_id, proof, act, 200)


@router.post("/claims/{assignment_id}/release", status_code=204, responses=documented(404, 409))
def release(request: Request, assignment_id: Id, proof: Proof, caller: Reviewer, key: Key = None) -> Response:
    """Back to the queue without a word; also sent by the browser as the page goes away."""

    def act(session: Session, _: Assignment) -> None:
        queue.release(session, assignment_id, proof.token)

    return _once(request, caller, key, assignment_id, proof, act, 204)


@router.post("/claims/{assignment_id}/skip", status_code=204, responses=documented(404, 409))
def skip(request: Request, assignment_id: Id, leaving: Leaving, caller: Reviewer, key: Key = None) -> Response:
    """Leave it to others, with a reason."""

    def act(session: Session, _: Assignment) -> None:
        queue.skip(session, assignment_id, leaving.token, caller.person.id, leaving.reason)

    return _once(request, caller, key, assignment_id, leaving, act, 204)


@router.post("/claims/{assignment_id}/flag", status_code=204, responses=documented(404, 409))
def flag(request: Request, assignment_id: Id, leaving: Leaving, caller: Reviewer, key: Key = None) -> Response:
    """Hand it to the experts, with a reason."""

    def act(session: Session, _: Assignment) -> None:
        queue.flag(session, assignment_id, leaving.token, caller.person.id, leaving.reason)

    return _once(request, caller, key, assignment_id, leaving, act, 204)


@router.post("/claims/{assignment_id}/submit", response_model=Decided, responses=documented(404, 409))
def submit(request: Request, assignment_id: Id, decision: Decision, caller: Reviewer, key: Key = None) -> Response:
    """Decide; sent twice with one token it counts once. 409 where the claim is lost: the words are kept among one's drafts."""

    def act(session: Session, slot: Assignment) -> Decided:
        shown = review_board.current_output(session, slot)
        output = shown if shown.id == decision.output_id else _output(session, slot, decision.output_id)
        verdict, done = reviewing.decide(
            session,
            slot,
            output,
            decision.form,
            caller.person,
            action=decision.action,
            token=decision.token,
            current=shown.id,
        )
        job = reviewing.distil(session, slot.item_id, caller.person.id)
        return Decided(
            review_id=done.review_id,
            correction_id=done.correction_id,
            verdict=verdict,
            distil_job_id=job.id if job is not None else None,
        )

    return _once(request, caller, key, assignment_id, decision, act, 200)


@router.post("/claims/{assignment_id}/retry", status_code=201, response_model=JobOut, responses=documented(404, 409))
def retry(request: Request, assignment_id: Id, trying: Trying, caller: Reviewer, key: Key = None) -> Response:
    """Let the model answer again with the words of ``form``, which are kept as a correction. Claim the item again for its answer."""

    def act(session: Session, slot: Assignment) -> JobOut:
        queue.extend(session, assignment_id, trying.token)
        if slot.queue.kind == QueueKind.ADJUDICATE:
            raise Refused("Decide about this answer: people reviewed it, and no other one.")
        if not trying.form.words:
            raise Refused("Say what is wrong first: the model tries again with your words.")
        output = _current(session, slot, trying.output_id)
        return job_told(reviewing.retry(session, slot, output, trying.form, caller.person))

    return _once(request, caller, key, assignment_id, trying, act, 201)


@router.post("/claims/{assignment_id}/reask", status_code=201, response_model=JobOut, responses=documented(404, 409))
def reask(request: Request, assignment_id: Id, trying: Trying, caller: Reviewer, key: Key = None) -> Response:
    """Ask once more with what speaks against the answer, where its risk is above the project's threshold."""

    def act(session: Session, slot: Assignment) -> JobOut:
        queue.extend(session, assignment_id, trying.token)
        output = _current(session, slot, trying.output_id)
        return job_told(review_reask.ask(session, slot, output, caller.person))

    return _once(request, caller, key, assignment_id, trying, act, 201)


@router.post("/claims/{assignment_id}/split", status_code=201, response_model=Split, responses=documented(404, 409))
def split(request: Request, assignment_id: Id, wanted: Splitting, caller: Reviewer, key: Key = None) -> Response:
    """Make sub-tasks of an item of the expert queue, for annotators; the whole comes back when they are reviewed."""

    def act(session: Session, slot: Assignment) -> Split:
        if slot.queue.kind != QueueKind.EXPERT:
            raise ValueError("experts split items, in their own queue: flag it, and one of them will see it")
        found, job = review_pieces.split_into(session, slot, wanted.token, wanted.prompts, caller.person.id)
        return Split(item_ids=found, job_id=job.id)

    return _once(request, caller, key, assignment_id, wanted, act, 201)


@router.post("/claims/{assignment_id}/votes", response_model=Voted, responses=documented(404, 409))
def vote(request: Request, assignment_id: Id, voted: LessonVote, caller: Reviewer, key: Key = None) -> Response:
    """Whether a lesson that was in the prompt was of use."""

    def act(session: Session, slot: Assignment) -> Voted:
        queue.extend(session, assignment_id, voted.token)
        row = session.get(Retrieval, voted.retrieval_id)
        output = review_board.current_output(session, slot)
        if row is None or row.output_id != output.id:
            raise Problem(409, "moved", "This lesson was not in the prompt of the answer that you hold.")
        outputs.vote_chip(session, row.id, voted.vote, caller.person.id)
        wake_relevance(session, output.item.project_id)
        lesson_proposals.renew(session, [row.lesson_id])
        return Voted(retrieval_id=row.id, vote=voted.vote)

    return _once(request, caller, key, assignment_id, voted, act, 200)


def _once(
    request: Request,
    caller: Caller,
    key: str | None,
    assignment_id: int,
    proof: Proof,
    act: Callable[[Session, Assignment], BaseModel | None],
    status: int,
) -> Response:
    """As ``once``, with the slot. 403 for somebody else's, 404 for none, 409 when the claim is lost."""

    def on_slot(session: Session) -> BaseModel | None:
        slot = queue.slot_alone(session, assignment_id)
        if slot is None:
            raise Problem(404, "not_found", "There is no such item.")
        caller.in_project(slot.queue.project_id)
        if slot.token == proof.token and slot.holder_id != caller.person.id:
            raise Problem(403, "not_yours", "This item is held by somebody else.")
        return act(session, slot)

    try:
        return once(request, caller, key, proof, on_slot, status)
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
    output = review_board.current_output(session, slot)
    item = output.item
    blind = reviews.is_blind(session, slot, caller.person.id)
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
