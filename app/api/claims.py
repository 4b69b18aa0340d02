"""The lease of the item on a person's screen: kept while the page is open, given back when it is left untouched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.api.drafts import signed_in
from app.api.sign_in import state_of
from store import queue
from store.tables import Assignment

router = APIRouter(prefix="/api/v1/claims")


class Token(BaseModel):
    token: str = Field(min_length=1, max_length=64)


@router.post("/{assignment_id}/heartbeat")
def heartbeat(assignment_id: int, claim: Token, request: Request) -> dict[str, str]:
    """The new deadline; 409 with the reason when the item is no longer the person's."""
    return {"deadline": _with_claim(request, assignment_id, claim.token, queue.extend).isoformat()}


@router.post("/{assignment_id}/release", status_code=204)
def release(assignment_id: int, claim: Token, request: Request) -> Response:
    """Back to the queue without a word; sent by the browser as the page goes away."""
    _with_claim(request, assignment_id, claim.token, queue.release)
    return Response(status_code=204)


def _with_claim(request: Request, assignment_id: int, token: str, act: Callable[[Session, int, str], Any]) -> Any:
    person = signed_in(request)
    try:
        with state_of(request).db.write() as session:
            slot = session.get(Assignment, assignment_id)
            if slot is not None and slot.token == token and slot.holder_id != person.id:
                raise HTTPException(403, "This item is held by somebody else.")
            return act(session, assignment_id, token)
    except queue.LostClaim as lost:
        raise HTTPException(409, str(lost)) from None
    except LookupError:
        raise HTTPException(404, "There is no such item.") from None
