"""What waits in a queue, the most urgent first: a list for those who plan the work. Nothing is claimed by looking at it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.access import Caller, needs
from app.api.common import Id, Page, Paging, State
from app.api.problems import documented
from core.scopes import Scope
from core.types import QueueKind
from store import queue

router = APIRouter(tags=["queues"])


class WaitingOut(BaseModel):
    """``risk`` is null before the output was judged; ``priority`` is what the queue's order made of it."""

    assignment_id: int
    item_id: int
    output_id: int
    external_id: str
    prompt: str
    priority: float
    flagged: bool
    risk: float | None
    calibrated: bool
    since: datetime


@router.get("/projects/{project_id}/queues/{kind}/waiting", responses=documented(404))
def list_waiting(
    project_id: Id,
    kind: QueueKind,
    state: State,
    caller: Annotated[Caller, needs(Scope.OUTPUTS_READ)],
    where: Paging,
    text: Annotated[str, Query(max_length=200, description="found in external id and prompt")] = "",
    min_risk: Annotated[float | None, Query(ge=0, le=1)] = None,
) -> Page[WaitingOut]:
    """In the order in which people get them; random draws of the audit slice come last."""
    caller.in_project(project_id)
    with state.db.read() as session:
        narrowed = {"words": text, "least_risk": min_risk, "after": where.after}
        rows = queue.waiting(session, project_id, where.limit + 1, kind, **narrowed)  # type: ignore[arg-type]
    told = [WaitingOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[WaitingOut](**where.page(told, [row.assignment_id for row in rows]))
