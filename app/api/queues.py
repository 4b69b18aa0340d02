"""Queues over the API, as on the page *Queues*: how each works and how far it is, who holds what, and giving items to people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator

from app import choosing
from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.jobs import JobOut
from app.api.jobs import told as job_told
from app.api.problems import documented
from app.worker.waking import order_queue
from core import policies
from core.scopes import Scope
from core.types import QueueKind
from store import listing, outputs, projects, queue
from store.queue import access, gold, progress
from store.tables import Queue

router = APIRouter(tags=["queues"])
Reader = Annotated[Caller, needs(Scope.PROJECTS_READ)]
Lead = Annotated[Caller, needs(Scope.PROJECTS_WRITE)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """``overlap``: people per item; ``audit_share``: drawn at random whatever their risk; the others as on the page."""

    overlap: int
    lease_seconds: int
    heartbeat_seconds: int
    extra_reviews: int
    access: str
    blind: str
    skip_policy: str
    reason_required: bool
    order_policy: str
    audit_share: float
    agreement_floor: float
    gold_share: float
    gold_floor: float
    gold_action: str


class QueueOut(Settings):
    project_id: int
    kind: QueueKind
    counts: dict[str, int]


class QueueChanges(Body):
    """What is left out stays. A larger overlap adds places, a smaller one takes none away."""

    overlap: Annotated[int, Field(ge=1, le=100)] | None = None
    lease_seconds: Annotated[int, Field(ge=60, le=7 * 86_400)] | None = None
    heartbeat_seconds: Annotated[int, Field(ge=2, le=3600)] | None = None
    extra_reviews: Annotated[int, Field(ge=0, le=20)] | None = None
    access: Literal["any", "assigned", "round_robin"] | None = None
    blind: Literal["share", "always", "never"] | None = None
    skip_policy: Literal["to_others", "to_me", "set_aside"] | None = None
    reason_required: bool | None = None
    order_policy: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    audit_share: Share | None = None
    agreement_floor: Share | None = None
    gold_share: Share | None = None
    gold_floor: Share | None = None
    gold_action: Literal["tell", "pause"] | None = None


class MemberOut(BaseModel):
    """``waits`` are places for this person alone; ``gold_right`` of ``gold_answered`` gold items agree with what is known."""

    person_id: int
    takes_part: bool
    waits: int
    holds: int
    finished: int
    gold_right: int
    gold_answered: int


class ProgressOut(BaseModel):
    """``finished_by_hour``: the last 24 hours, the latest one last; ``nobodys``: places that wait for being assigned."""

    counts: dict[str, int]
    finished_by_hour: list[int]
    nobodys: int
    gold: int
    people: list[MemberOut]


class HeldOut(BaseModel):
    assignment_id: int
    external_id: str
    prompt: str
    user_id: int
    name: str
    claimed_at: datetime
    deadline: datetime


class LeftOut(BaseModel):
    """A skip or a flag, with its reason; ``state`` is that of the place now."""

    assignment_id: int
    external_id: str
    name: str
    kind: str
    reason: str
    at: datetime
    state: str


class Assigning(Body):
    """Places that wait and are nobody's go to ``people`` in turn, the most urgent first; ``words`` are in the item's name or prompt."""

    people: Annotated[list[Number], Field(min_length=1, max_length=200)]
    words: Annotated[str, StringConstraints(max_length=200)] = ""
    least_risk: Share | None = None
    limit: Annotated[int, Field(ge=1, le=access.MOST)] = 100


class Slots(BaseModel):
    slots: int


class Holder(BaseModel):
    """Whose hands it was taken out of; what they typed stays a draft of theirs."""

    holder_id: int


class NewGold(Body):
    """One answer whose verdict is known; without ``output_id`` the newest decided answers that are no gold items yet."""

    output_id: Number | None = None
    verdict: Literal["acceptable", "faulty"] | None = None
    first_wrong_step: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def whole(self) -> NewGold:
        if (self.output_id is None) != (self.verdict is None):
            raise ValueError("give output_id and verdict together, or neither")
        if self.first_wrong_step is not None and self.verdict != "faulty":
            raise ValueError("first_wrong_step belongs to a faulty answer")
        return self


class GoldCount(BaseModel):
    """How many gold items are mixed in now."""

    gold: int


@router.get("/projects/{project_id}/queues/{kind}", responses=documented(404))
def get_queue(project_id: Id, kind: QueueKind, state: State, caller: Reader) -> QueueOut:
    """How it works, and how many places are in which state."""
    caller.in_project(project_id)
    with state.db.read() as session:
        return _told(session, projects.queue_of(session, project_id, kind))


@router.patch("/projects/{project_id}/queues/{kind}", responses=documented(404))
def change_queue(project_id: Id, kind: QueueKind, changes: QueueChanges, state: State, caller: Lead) -> QueueOut:
    """``order_policy`` is one of REFERENCE.md's policies. After another order or access a job brings what waits to it."""
    caller.in_project(project_id)
    given = changes.model_dump(exclude_none=True)
    if (order := given.get("order_policy")) is not None and order not in policies.REGISTRY.names():
        raise ValueError(f"no such order_policy; there are: {', '.join(policies.REGISTRY.names())}")
    with state.db.write() as session:
        return _told(session, choosing.change_queue(session, project_id, kind, caller.person.id, **given))


@router.get("/projects/{project_id}/queues/{kind}/progress", responses=documented(404))
def get_progress(project_id: Id, kind: QueueKind, state: State, caller: Lead) -> ProgressOut:
    """How far it is and how fast it goes, and what each of its people does."""
    caller.in_project(project_id)
    with state.db.read() as session:
        line = projects.queue_of(session, project_id, kind)
        return ProgressOut(
            counts=queue.counts(session, project_id, kind),
            finished_by_hour=progress.finished_by_hour(session, line.id),
            nobodys=access.unassigned(session, line.id),
            gold=gold.count(session, line.id),
            people=_people(session, line),
        )


@router.get("/projects/{project_id}/queues/{kind}/held", responses=documented(404))
def list_held(project_id: Id, kind: QueueKind, state: State, caller: Lead, where: Paging) -> Page[HeldOut]:
    """Who holds what until when; past the deadline anybody may take it."""
    caller.in_project(project_id)
    with state.db.read() as session:
        line = projects.queue_of(session, project_id, kind)
        rows = progress.held_by_id(session, line.id, after=where.after, limit=where.limit + 1)
    told = [HeldOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[HeldOut](**where.page(told, [row.assignment_id for row in rows]))


@router.get("/projects/{project_id}/queues/{kind}/skips", responses=documented(404))
def list_skips(project_id: Id, kind: QueueKind, state: State, caller: Lead, where: Paging) -> Page[LeftOut]:
    """Skips and flags, the newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        line = projects.queue_of(session, project_id, kind)
        rows = progress.skips(session, line.id, where.limit + 1, after=where.after)
    told = [LeftOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[LeftOut](**where.page(told, [row.id for row in rows]))


@router.post("/projects/{project_id}/queues/{kind}/assign", response_model=Slots, responses=documented(404, 409))
def assign(
    request: Request, project_id: Id, kind: QueueKind, wanted: Assigning, caller: Lead, key: Key = None
) -> Response:
    """They take part in the queue from now on. It counts where the queue's access is ``assigned``."""
    caller.in_project(project_id)

    def act(session: Any) -> Slots:
        line = projects.queue_of(session, project_id, kind)
        how = {"words": wanted.words, "least_risk": wanted.least_risk, "limit": wanted.limit}
        return Slots(slots=queue.assign(session, line, wanted.people, by=caller.person.id, **how))  # type: ignore[arg-type]

    return once(request, caller, key, wanted, act, 200)


@router.post(
    "/projects/{project_id}/queues/{kind}/order", status_code=201, response_model=JobOut, responses=documented(404, 409)
)
def order_again(request: Request, project_id: Id, kind: QueueKind, caller: Lead, key: Key = None) -> Response:
    """Put all that waits in the order of its policy, by a job; people go on meanwhile."""
    caller.in_project(project_id)

    def act(session: Any) -> JobOut:
        projects.queue_of(session, project_id, kind)
        return job_told(order_queue(session, project_id, kind, caller.person.id))

    return once(request, caller, key, None, act)


@router.put("/projects/{project_id}/queues/{kind}/people/{person_id}", status_code=204, responses=documented(404))
def join(project_id: Id, kind: QueueKind, person_id: Id, state: State, caller: Lead) -> Response:
    """Let somebody take part: they get items in turn where the queue deals them."""
    caller.in_project(project_id)
    with state.db.write() as session:
        queue.join(session, projects.queue_of(session, project_id, kind), person_id, caller.person.id)
    return Response(status_code=204)


@router.delete("/projects/{project_id}/queues/{kind}/people/{person_id}", responses=documented(404))
def leave(project_id: Id, kind: QueueKind, person_id: Id, state: State, caller: Lead) -> Slots:
    """What they hold goes back, and what waited for them goes on; answers how many places changed hands."""
    caller.in_project(project_id)
    with state.db.write() as session:
        line = projects.queue_of(session, project_id, kind)
        if person_id not in {row.user_id for row in queue.members(session, line.id)}:
            raise LookupError(f"this queue has no person {person_id}")
        return Slots(slots=queue.leave_queue(session, line, person_id, caller.person.id))


@router.post(
    "/projects/{project_id}/queues/{kind}/people/{person_id}/go-on", status_code=204, responses=documented(404, 409)
)
def go_on(request: Request, project_id: Id, kind: QueueKind, person_id: Id, caller: Lead, key: Key = None) -> Response:
    """Of somebody who got too many gold items wrong: their count begins anew."""
    caller.in_project(project_id)

    def act(session: Any) -> None:
        line = projects.queue_of(session, project_id, kind)
        if person_id not in progress.by_person(session, line.id):
            raise LookupError(f"this queue has no person {person_id}")
        gold.let_go_on(session, line, person_id, caller.person.id)

    return once(request, caller, key, None, act, 204)


@router.post("/projects/{project_id}/queues/{kind}/gold", response_model=GoldCount, responses=documented(404, 409))
def add_gold(
    request: Request, project_id: Id, kind: QueueKind, new: NewGold, caller: Lead, key: Key = None
) -> Response:
    """Mix answers of known verdict in among the others, as often as ``gold_share`` says. 422 where another decision stands."""
    caller.in_project(project_id)

    def act(session: Any) -> GoldCount:
        line = projects.queue_of(session, project_id, kind)
        if new.output_id is None or new.verdict is None:
            gold.add_decided(session, line, caller.person.id)
            return GoldCount(gold=gold.count(session, line.id))
        output = outputs.get(session, new.output_id)
        if output.item.project_id != project_id:
            raise LookupError(f"this project has no output {new.output_id}")
        if new.first_wrong_step is not None and new.first_wrong_step >= len(output.steps):
            raise ValueError(f"this answer has {len(output.steps)} steps, counted from 0")
        where = {"first_wrong_step": new.first_wrong_step}
        gold.add(session, line, output.id, new.verdict, caller.person.id, **where)
        return GoldCount(gold=gold.count(session, line.id))

    return once(request, caller, key, new, act, 200)


@router.delete("/projects/{project_id}/queues/{kind}/gold", responses=documented(404))
def retire_gold(project_id: Id, kind: QueueKind, state: State, caller: Lead) -> GoldCount:
    """Mix none in any more; what people said of them stays."""
    caller.in_project(project_id)
    with state.db.write() as session:
        line = projects.queue_of(session, project_id, kind)
        gold.retire_all(session, line, caller.person.id)
        return GoldCount(gold=gold.count(session, line.id))


@router.post("/assignments/{assignment_id}/release", response_model=Holder, responses=documented(404, 409))
def force_release(request: Request, assignment_id: Id, caller: Lead, key: Key = None) -> Response:
    """Take an item out of its holder's hands. 422 where nobody holds it."""

    def act(session: Any) -> Holder:
        _own(session, assignment_id, caller)
        return Holder(holder_id=queue.force_release(session, assignment_id, caller.person.id))

    return once(request, caller, key, None, act, 200)


@router.post("/assignments/{assignment_id}/put-back", status_code=204, responses=documented(404, 409))
def put_back(request: Request, assignment_id: Id, caller: Lead, key: Key = None) -> Response:
    """Return an item that was set aside to its queue. 422 for any other."""

    def act(session: Any) -> None:
        _own(session, assignment_id, caller)
        queue.put_back(session, assignment_id, caller.person.id)

    return once(request, caller, key, None, act, 204)


def _own(session: Any, assignment_id: int, caller: Caller) -> None:
    slot = listing.assignment(session, assignment_id)
    caller.in_project(slot.queue.project_id)


def _told(session: Any, row: Queue) -> QueueOut:
    counts = queue.counts(session, row.project_id, row.kind)
    return QueueOut(**{name: getattr(row, name) for name in QueueOut.model_fields if name != "counts"}, counts=counts)


def _people(session: Any, line: Queue) -> list[MemberOut]:
    work, scores = progress.by_person(session, line.id), gold.scores(session, line.id)
    active = {row.user_id for row in queue.members(session, line.id)}
    return [
        MemberOut(
            person_id=person,
            takes_part=person in active,
            waits=work.get(person, (0, 0, 0))[0],
            holds=work.get(person, (0, 0, 0))[1],
            finished=work.get(person, (0, 0, 0))[2],
            gold_right=scores[person].right if person in scores else 0,
            gold_answered=scores[person].answered if person in scores else 0,
        )
        for person in sorted({*work, *active, *scores})
    ]
