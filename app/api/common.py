"""What every resource of the API shares: ids, pages with an opaque cursor, and requests that may be sent again."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy.orm import Session

from app.api.access import Caller
from app.api.problems import Problem
from app.api.sign_in import state_of
from app.state import AppState
from store import idempotency
from store.engine import KeptAnyway

LARGEST = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=LARGEST)]
State = Annotated[AppState, Depends(state_of)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
LongText = Annotated[str, StringConstraints(max_length=400_000)]
T = TypeVar("T")


class Body(BaseModel):
    """What a client sends: unknown fields are refused, so that a misspelt one is not lost without a word."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Page(BaseModel, Generic[T]):
    """A part of a list. ``next_cursor`` says where to go on, now or later; ``has_more`` whether there is more now."""

    data: list[T]
    next_cursor: str | None
    has_more: bool


class Where:
    """Where a page begins, and how long it is: ``after`` is an id, 0 at the beginning."""

    def __init__(
        self,
        cursor: Annotated[str | None, Query(max_length=64, description="next_cursor of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> None:
        self.cursor, self.limit = cursor, limit
        self.after = _decode(cursor) if cursor else 0

    def page(self, rows: list[Any], ids: list[int]) -> dict[str, Any]:
        """``rows`` were asked for with one more than ``limit``, to know whether there are more."""
        kept = rows[: self.limit]
        cursor = _encode(ids[len(kept) - 1]) if kept else self.cursor
        return {"data": kept, "next_cursor": cursor, "has_more": len(rows) > self.limit}


Paging = Annotated[Where, Depends(Where)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=200, description="Sending a request again under its key changes nothing."
    ),
]


def _encode(after: int) -> str:
    return base64.urlsafe_b64encode(f"after:{after}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        name, _, number = text.partition(":")
        after = int(number) if name == "after" and number.isascii() and number.isdigit() else -1
    except (binascii.Error, ValueError):
        after = -1
    if not 0 <= after <= LARGEST:
        raise Problem(400, "bad_cursor", "This cursor is none of ours. Leave it out to begin at the beginning.")
    return after


def once(
    request: Request,
    caller: Caller,
    key: str | None,
    body: BaseModel | None,
    act: Callable[[Session], BaseModel | None],
    status: int = 201,
    *,
    secret: bool = False,
) -> Response:
    """Carry out ``act`` in one transaction; under a key that came before, give the first answer again. 409 for another body.

    ``act`` gives nothing for an answer without a body. A ``secret`` answer is kept nowhere: 409 for its key, and no second effect.
    """
    with state_of(request).db.write() as session:
        if key is None:
            return _answer(_json(act(session)), status)
        sent = body.model_dump_json() if body is not None else ""
        asked = f"{request.method} {request.url.path}?{request.url.query}\n{sent}"
        try:
            known = idempotency.begin(session, caller.person.id, key, hashlib.sha256(asked.encode()).hexdigest())
        except idempotency.KeyReused as problem:
            raise Problem(409, "key_reused", str(problem)) from None
        if known is not None and secret:
            raise Problem(409, "shown_once", "This was done, and its secret was shown then. Ask anew under a new key.")
        if known is not None:
            return _answer(known.answer, known.status, {"idempotency-replayed": "true"})
        try:
            answer = _json(act(session))
        except KeptAnyway:  # what was typed is kept; the request was refused, and may come again
            idempotency.forget(session, caller.person.id, key)
            raise
        idempotency.finish(session, caller.person.id, key, status, {} if secret else answer)
        return _answer(answer, status)


def _json(answer: BaseModel | None) -> dict[str, Any]:
    return answer.model_dump(mode="json") if answer is not None else {}


def _answer(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(body, status, headers) if body else Response(status_code=status, headers=headers)
