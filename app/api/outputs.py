"""Outputs over the API: push what a model of yours answered; it is judged and queued for people as any other answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlalchemy.orm import Session

from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, LongText, Name, Page, Paging, State, once
from app.api.items import ItemIn
from app.api.problems import Problem, documented
from app.pushing import Push, PushError, push
from core.scopes import Scope
from store import items, judgements, listing, outputs, projects
from store.tables import Output, Risk

router = APIRouter(tags=["outputs"])
MAX_OUTPUTS = 200
MAX_TOKENS = 16_384


class TokenIn(Body):
    """One generated token; ``logprob`` is natural, ``entropy`` in nats."""

    text: Annotated[str, StringConstraints(max_length=1000)]
    logprob: Annotated[float, Field(le=0)]
    entropy: Annotated[float, Field(ge=0)] | None = None


class MessageIn(Body):
    role: Annotated[str, StringConstraints(max_length=40)]
    content: LongText


class OutputIn(Body):
    """An answer to an item, named by ``item_id``, by ``external_id``, or given with it as ``item``.

    ``lookup``: that of the lessons which were in its prompt, as ``lessons/retrieve`` names it, so that what comes of it is known.
    """

    item_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    external_id: Name | None = None
    item: ItemIn | None = None
    text: Annotated[LongText, StringConstraints(min_length=1)]
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    label: Name | None = None
    tokens: Annotated[list[TokenIn], Field(max_length=MAX_TOKENS)] = Field(default_factory=list)
    messages: Annotated[list[MessageIn], Field(max_length=200)] = Field(default_factory=list)
    finish_reason: Annotated[str, StringConstraints(max_length=20)] = ""
    lookup: Annotated[int, Field(ge=1, le=LARGEST)] | None = None

    @model_validator(mode="after")
    def one_item(self) -> OutputIn:
        if sum(x is not None for x in (self.item_id, self.external_id, self.item)) != 1:
            raise ValueError("name the item by exactly one of item_id, external_id and item")
        return self

    def pushed(self) -> Push:
        return Push(
            text=self.text,
            model=self.model,
            item_id=self.item_id,
            external_id=self.external_id,
            item=self.item.new() if self.item else None,
            label=self.label,
            tokens=tuple((token.text, token.logprob, token.entropy) for token in self.tokens),
            messages=tuple((message.role, message.content) for message in self.messages),
            finish_reason=self.finish_reason,
            lookup_id=self.lookup,
        )


class OutputsIn(Body):
    outputs: Annotated[list[OutputIn], Field(min_length=1, max_length=MAX_OUTPUTS)]


class Pushed(BaseModel):
    """``unchanged``: the same model said the same of this item before."""

    id: int
    item_id: int
    status: Literal["added", "unchanged"]


class OutputsOut(BaseModel):
    """In the order of the outputs sent; ``job_id`` is the job that judges the new ones."""

    data: list[Pushed]
    job_id: int | None


class RiskOut(BaseModel):
    """The probability that the output is wrong. ``calibrated`` is false until enough outputs were reviewed."""

    value: float
    method: str
    version: str
    calibrated: bool
    low: float | None
    high: float | None


class OutputOut(BaseModel):
    id: int
    item_id: int
    external_id: str
    attempt: int
    parent_id: int | None
    text: str
    label: str | None
    model: str
    origin: str
    mean_logprob: float | None
    risk: RiskOut | None
    created_at: datetime


class StepOut(BaseModel):
    """``text`` of the output from ``start`` to ``end`` is the step; steps count from 0."""

    index: int
    text: str
    start: int
    end: int


class VoteOut(BaseModel):
    source: str
    verdict: str | None
    label: str | None
    evidence: str


class LessonUsed(BaseModel):
    """A lesson that was in the prompt; ``vote`` is what a person said of its use."""

    retrieval_id: int
    lesson_id: int
    lesson_revision: int
    slot: str
    score: float
    text: str
    vote: str | None


class OutputDetail(OutputOut):
    steps: list[StepOut]
    votes: list[VoteOut]
    lessons: list[LessonUsed]


@router.post(
    "/projects/{project_id}/outputs", status_code=201, response_model=OutputsOut, responses=documented(404, 409)
)
def push_outputs(
    request: Request,
    project_id: Id,
    pushed: OutputsIn,
    caller: Annotated[Caller, needs(Scope.OUTPUTS_WRITE)],
    key: Key = None,
) -> Response:
    """All of them or none. ``item`` adds the item if it is not there (scope items:write is not needed for that)."""
    caller.in_project(project_id)

    def act(session: Any) -> OutputsOut:
        try:
            done = push(session, project_id, [one.pushed() for one in pushed.outputs], user_id=caller.person.id)
        except PushError as problem:
            raise Problem(422, "bad_output", str(problem)) from None
        rows = [
            Pushed(id=one.output_id, item_id=one.item_id, status="added" if one.added else "unchanged")
            for one in done.outputs
        ]
        return OutputsOut(data=rows, job_id=done.job_id)

    return once(request, caller, key, pushed, act)


@router.get("/projects/{project_id}/outputs", responses=documented(404))
def list_outputs(
    project_id: Id,
    state: State,
    caller: Annotated[Caller, needs(Scope.OUTPUTS_READ)],
    where: Paging,
    item_id: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
) -> Page[OutputOut]:
    """With their risk, as far as they were judged."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.outputs(session, project_id, item_id=item_id, after=where.after, limit=where.limit + 1)
    told = [OutputOut(**_told(output, name, risk)) for output, name, risk in rows]
    return Page[OutputOut](**where.page(told, [row[0].id for row in rows]))


@router.get("/outputs/{output_id}", responses=documented(404))
def get_output(output_id: Id, state: State, caller: Annotated[Caller, needs(Scope.OUTPUTS_READ)]) -> OutputDetail:
    """With its steps and what the signals said."""
    with state.db.read() as session:
        output = outputs.get(session, output_id)
        item = items.get(session, output.item_id)
        caller.in_project(item.project_id)
        return detail_of(session, output)


def detail_of(session: Session, output: Output, *, blind: bool = False) -> OutputDetail:
    """``blind``: what machines say of it, risk and votes, is left out."""
    risk = None if blind else judgements.risk(session, output.id)
    votes = () if blind else judgements.votes(session, output.id)
    used = [
        LessonUsed(
            retrieval_id=chip.retrieval.id,
            lesson_id=chip.lesson.id,
            lesson_revision=chip.retrieval.lesson_revision,
            slot=chip.retrieval.slot,
            score=chip.retrieval.score,
            text=chip.lesson.text,
            vote=chip.retrieval.vote,
        )
        for chip in outputs.chips(session, output.id)
    ]
    told = _told(output, output.item.external_id, risk)
    if blind:
        told["mean_logprob"] = None
    return OutputDetail(
        **told,
        steps=[StepOut.model_validate(step, from_attributes=True) for step in output.steps],
        votes=[VoteOut.model_validate(vote, from_attributes=True) for vote in votes],
        lessons=used,
    )


def _told(output: Output, external_id: str, risk: Risk | Any | None) -> dict[str, Any]:
    own = {name: getattr(output, name) for name in OutputOut.model_fields if name not in ("external_id", "risk")}
    told = RiskOut.model_validate(risk, from_attributes=True) if risk is not None else None
    return {**own, "external_id": external_id, "risk": told}
