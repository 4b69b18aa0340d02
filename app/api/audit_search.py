"""The audit log over the API: who changed what, from which value to which."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.access import Caller, needs
from app.api.common import LARGEST, Page, Paging, State
from app.api.people import everywhere
from app.api.problems import documented
from app.view import audit as view
from core.scopes import Scope
from store import audit

router = APIRouter(tags=["audit"])
Day = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="an ISO date")]


class AuditOut(BaseModel):
    """``user_id`` is null for the program itself; ``subject`` names the table of the row that was changed."""

    id: int
    at: datetime
    user_id: int | None
    action: str
    subject: str
    subject_id: int | None
    old: dict[str, Any]
    new: dict[str, Any]


@router.get("/audit", responses=documented())
def search_audit(
    state: State,
    caller: Annotated[Caller, needs(Scope.AUDIT_READ)],
    where: Paging,
    person: Annotated[int | None, Query(ge=0, le=LARGEST, description="id; 0 is the program itself")] = None,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    since: Day = None,
    until: Day = None,
) -> Page[AuditOut]:
    """The newest first; ``until`` is included."""
    everywhere(caller)
    given = {"person": person, "subject": subject, "text": text, "since": since, "until": until}
    chosen = view.wanted(given)
    with state.db.read() as session:
        rows = audit.page(session, before=where.after or None, limit=where.limit + 1, **chosen)
    told = [AuditOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[AuditOut](**where.page(told, [row.id for row in rows]))
