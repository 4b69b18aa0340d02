"""Items over the API: push many at once, list, look at."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints, field_validator

from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, LongText, Name, Page, Paging, State, once
from app.api.problems import documented
from core.scopes import Scope
from core.types import JobPriority
from store import items, projects, subtasks
from store.items import NewItem
from store.tables import Item

router = APIRouter(tags=["items"])
MAX_ITEMS = 1000
MAX_META = 64_000  # bytes of JSON


class ItemIn(Body):
    """``reference`` is a gold answer: people and checkers of outcomes see it, models never do."""

    external_id: Name
    prompt: Annotated[LongText, StringConstraints(min_length=1)]
    context: LongText = ""
    reference: LongText | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    @field_validator("meta")
    @classmethod
    def small(cls, meta: dict[str, Any]) -> dict[str, Any]:
        try:
            size = len(orjson.dumps(meta))
        except TypeError as problem:
            raise ValueError(f"meta is no JSON that can be kept: {problem}") from None
        if size > MAX_META:
            raise ValueError(f"meta has at most {MAX_META} bytes")
        return meta

    def new(self) -> NewItem:
        return NewItem(self.external_id, self.prompt, self.context, self.reference, self.meta)


class ItemsIn(Body):
    """``answer``: let the model answer the items that nothing answered yet."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=MAX_ITEMS)]
    answer: bool = False


class SubTaskOut(BaseModel):
    """A piece of a hard item, with its newest answer and what people say of that; null where there is none yet."""

    item_id: int
    external_id: str
    prompt: str
    answer: str | None
    verdict: str | None


class ItemsOut(BaseModel):
    """``ids`` are in the order of the items sent."""

    added: int
    updated: int
    unchanged: int
    ids: list[int]
    job_id: int | None = None


class ItemOut(BaseModel):
    id: int
    project_id: int
    external_id: str
    prompt: str
    context: str
    reference: str | None
    meta: dict[str, Any]
    created_at: datetime


def told(row: Item) -> ItemOut:
    return ItemOut.model_validate(row, from_attributes=True)


@router.post("/projects/{project_id}/items", status_code=201, response_model=ItemsOut, responses=documented(404, 409))
def push_items(
    request: Request,
    project_id: Id,
    pushed: ItemsIn,
    caller: Annotated[Caller, needs(Scope.ITEMS_WRITE)],
    key: Key = None,
) -> Response:
    """Add items, or change those that carry their external ids. Pushing the same ones again changes nothing."""
    caller.in_project(project_id)

    def act(session: Any) -> ItemsOut:
        from app.worker.jobs import enqueue

        projects.get(session, project_id)
        done = items.add_many(session, project_id, [item.new() for item in pushed.items])
        out = ItemsOut(added=done.added, updated=done.updated, unchanged=done.unchanged, ids=done.ids)
        bare = set(items.without_output(session, project_id, 100_000)) & set(done.ids) if pushed.answer else set()
        if bare:
            wanted = {"item_ids": sorted(bare)}
            how = {"priority": JobPriority.NORMAL, "project_id": project_id, "user_id": caller.person.id}
            out.job_id = enqueue(session, "generate", wanted, **how).id  # type: ignore[arg-type]
        return out

    return once(request, caller, key, pushed, act)


@router.get("/projects/{project_id}/items", responses=documented(404))
def list_items(
    project_id: Id,
    state: State,
    caller: Annotated[Caller, needs(Scope.ITEMS_READ)],
    where: Paging,
    text: Annotated[str | None, Query(max_length=200, description="found in external id, prompt and context")] = None,
) -> Page[ItemOut]:
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = list(items.page(session, project_id, after=where.after, limit=where.limit + 1, text=text))
    return Page[ItemOut](**where.page([told(row) for row in rows], [row.id for row in rows]))


@router.get("/items/{item_id}", responses=documented(404))
def get_item(item_id: Id, state: State, caller: Annotated[Caller, needs(Scope.ITEMS_READ)]) -> ItemOut:
    with state.db.read() as session:
        row = items.get(session, item_id)
    caller.in_project(row.project_id)
    return told(row)


@router.get("/items/{item_id}/sub-tasks", responses=documented(404))
def list_sub_tasks(item_id: Id, state: State, caller: Annotated[Caller, needs(Scope.OUTPUTS_READ)]) -> list[SubTaskOut]:
    """The pieces that an expert made of an item, 20 at most."""
    with state.db.read() as session:
        caller.in_project(items.get(session, item_id).project_id)
        found = subtasks.pieces(session, item_id)
    return [SubTaskOut.model_validate(one, from_attributes=True) for one in found]
