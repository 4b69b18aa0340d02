"""Lessons for programs: list them, and retrieve those that apply to a prompt."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints

from app.api.access import Caller, needs
from app.api.common import Body, Id, LongText, Page, Paging, State
from app.api.problems import Problem, documented
from app.retrieving import NoWorker, retrieve
from core.scopes import Scope
from core.types import LessonKind, LessonStatus, PromptSlot
from store import lessons, projects

router = APIRouter(tags=["lessons"])
Reader = Annotated[Caller, needs(Scope.LESSONS_READ)]


class LessonOut(BaseModel):
    """``text`` is what a model reads, ``applicability`` says when. ``used`` and ``not_relevant`` count people's votes."""

    id: int
    kind: LessonKind
    status: LessonStatus
    name: str | None
    text: str
    applicability: str
    revision: int
    used: int
    not_relevant: int
    created_at: datetime
    updated_at: datetime


class Wanted(Body):
    prompt: Annotated[LongText, StringConstraints(min_length=1)]
    context: LongText = ""


class RetrievedLesson(BaseModel):
    """``score`` is the cosine less what votes against it weigh."""

    id: int
    kind: LessonKind
    slot: PromptSlot
    text: str
    applicability: str
    name: str | None
    score: float
    revision: int


class Retrieved(BaseModel):
    """In the order of the prompt's slots; ``prompt`` is the text to put before the model, empty for no lesson.

    ``lookup`` names this look-up: send it with the answer. It is null where the project has no lessons.
    """

    data: list[RetrievedLesson]
    prompt: str
    lookup: int | None


@router.get("/projects/{project_id}/lessons", responses=documented(404))
def list_lessons(
    project_id: Id,
    state: State,
    caller: Reader,
    where: Paging,
    status: LessonStatus | None = None,
    kind: LessonKind | None = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[LessonOut]:
    """The newest first."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = lessons.page(
            session,
            project_id,
            status=status,
            kind=kind,
            text=text,
            after=where.after or None,
            limit=where.limit + 1,
        )
    told = [LessonOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[LessonOut](**where.page(told, [row.id for row in rows]))


@router.post("/projects/{project_id}/lessons/retrieve", responses=documented(404, 503))
async def retrieve_lessons(project_id: Id, wanted: Wanted, state: State, caller: Reader) -> Retrieved:
    """Those that apply to a prompt, as the project's settings have it, all active at this moment. 503 without a worker."""
    caller.in_project(project_id)
    try:
        found = await to_thread.run_sync(retrieve, state.db, state.settings, project_id, wanted.prompt, wanted.context)
    except NoWorker as problem:
        raise Problem(503, "no_worker", str(problem), {"retry-after": "5"}) from None
    rows = [RetrievedLesson.model_validate(one, from_attributes=True) for one in found.lessons]
    return Retrieved(data=rows, prompt=found.prompt, lookup=found.lookup)
