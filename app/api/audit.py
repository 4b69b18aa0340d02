"""The audit log as a file, for admins in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from app import auth
from app.api.sign_in import state_of
from app.view import audit as view
from core.types import Role
from store import audit

router = APIRouter()


@router.get("/audit.jsonl")
def download(request: Request) -> StreamingResponse:
    """All events that the address asks for (see ``app.view.audit.wanted``); that it was downloaded is an event too."""
    state = state_of(request)
    person = auth.person_of(state, request)
    if person is None or not person.may(Role.ADMIN):
        raise HTTPException(401 if person is None else 403, "The audit log is for admins.")
    given: dict[str, Any] = dict(request.query_params)
    try:
        view.wanted(given)
    except ValueError as problem:
        raise HTTPException(400, str(problem)) from None
    with state.db.write() as session:
        audit.record(session, "audit.download", "audit_event", None, user_id=person.id, new=given)

    def lines() -> Iterator[bytes]:
        with state.db.read() as session:
            yield from view.lines(session, given)

    headers = {"content-disposition": 'attachment; filename="audit.jsonl"', "cache-control": "no-store"}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)
