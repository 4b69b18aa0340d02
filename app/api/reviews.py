"""What people decided, for programs: reviews and corrections in the order in which they came, since where a program stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.access import Caller, needs
from app.api.common import LARGEST, Id, Page, Paging, State
from app.api.problems import documented
from core.scopes import Scope
from store import listing, projects
from store.tables import Correction, Review

router = APIRouter(tags=["reviews"])
Reader = Annotated[Caller, needs(Scope.REVIEWS_READ)]


class CorrectionOut(BaseModel):
    """``rewrite`` is the whole answer as it should be; spans index the output's text. Steps count from 0."""

    id: int
    output_id: int
    user_id: int
    text: str
    scope: str
    dependency: str
    step_index: int | None
    span_start: int | None
    span_end: int | None
    error_type: str | None
    rewrite: str | None
    edits: list[Any]
    revision: int
    replaces_id: int | None
    created_at: datetime


class CorrectionRow(CorrectionOut):
    item_id: int


class ReviewOut(BaseModel):
    """A later revision replaces ``replaces_id``. ``corrections`` are those that stand now, of this person and output.

    ``answer_right`` is of the final answer alone; ``alternatives`` are [step, text, label or null]. On a ``blind`` item the person saw
    nothing that machines say.
    """

    id: int
    output_id: int
    item_id: int
    external_id: str
    user_id: int
    verdict: str
    first_wrong_step: int | None
    step_labels: list[int | None]
    error_type: str | None
    seconds: float | None
    protocol: str
    answer_right: bool | None
    blind: bool
    alternatives: list[tuple[int, str, int | None]]
    revision: int
    replaces_id: int | None
    created_at: datetime
    corrections: list[CorrectionOut]


@router.get("/projects/{project_id}/reviews", responses=documented(404))
def list_reviews(
    project_id: Id,
    state: State,
    caller: Reader,
    where: Paging,
    output_id: Annotated[
        list[Annotated[int, Field(ge=1, le=LARGEST)]] | None, Query(max_length=200, description="of these outputs only")
    ] = None,
) -> Page[ReviewOut]:
    """Oldest first. Keep ``next_cursor`` and ask again for what came since; it is given on an empty page as well."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        wanted = {"output_ids": output_id or (), "after": where.after, "limit": where.limit + 1}
        rows = listing.reviews(session, project_id, **wanted)  # type: ignore[arg-type]
        beside = listing.corrections_beside(session, [row[0] for row in rows])
    told = [_told(*row, beside.get((row[0].output_id, row[0].user_id), [])) for row in rows]
    return Page[ReviewOut](**where.page(told, [row[0].id for row in rows]))


@router.get("/projects/{project_id}/corrections", responses=documented(404))
def list_corrections(project_id: Id, state: State, caller: Reader, where: Paging) -> Page[CorrectionRow]:
    """Oldest first, every revision; as a feed, like reviews."""
    caller.in_project(project_id)
    with state.db.read() as session:
        projects.get(session, project_id)
        rows = listing.corrections(session, project_id, after=where.after, limit=where.limit + 1)
    told = [CorrectionRow(item_id=item_id, **_correction(row).model_dump()) for row, item_id in rows]
    return Page[CorrectionRow](**where.page(told, [row.id for row, _ in rows]))


def _told(row: Review, item_id: int, external_id: str, said: list[Correction]) -> ReviewOut:
    others = {"item_id": item_id, "external_id": external_id, "corrections": [_correction(one) for one in said]}
    return ReviewOut(**{name: getattr(row, name) for name in ReviewOut.model_fields if name not in others}, **others)


def _correction(row: Correction) -> CorrectionOut:
    return CorrectionOut.model_validate(row, from_attributes=True)
