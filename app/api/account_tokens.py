"""One's own tokens over the API: see and revoke them with any token of that scope; only a signed-in browser makes new ones."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from core.scopes import Scope
from store import listing, tokens
from store.tables import ApiToken

router = APIRouter(tags=["tokens"], prefix="/tokens")
Owner = Annotated[Caller, needs(Scope.TOKENS)]


class NewToken(Body):
    """``days`` it lives, null until it is revoked; ``project_id`` is the only project that it opens."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"\S")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    days: Annotated[int, Field(ge=1, le=3650)] | None = 90
    project_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None


class TokenOut(BaseModel):
    """``key`` is the part of the token by which it is told from others."""

    id: int
    name: str
    key: str
    scopes: list[str]
    project_id: int | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenMade(TokenOut):
    """``token`` is shown this once."""

    token: str


def _told(row: ApiToken) -> TokenOut:
    return TokenOut.model_validate(row, from_attributes=True)


@router.get("", responses=documented())
def list_tokens(state: State, caller: Owner, where: Paging) -> Page[TokenOut]:
    """One's own, the newest first, those that are over too."""
    with state.db.read() as session:
        rows = listing.tokens(session, caller.person.id, after=where.after, limit=where.limit + 1)
    return Page[TokenOut](**where.page([_told(row) for row in rows], [row.id for row in rows]))


@router.post("", status_code=201, response_model=TokenMade, responses=documented(404, 409))
def make_token(request: Request, new: NewToken, caller: Owner, key: Key = None) -> Response:
    """For a signed-in browser: 403 for a token, which cannot make others. 409 for a key that came before: it is shown once."""
    if caller.scopes is not None:
        raise Problem(403, "needs_sign_in", "A token cannot make tokens: sign in and make one under Your account.")

    def act(session: Any) -> TokenMade:
        row, text = tokens.create(
            session, caller.person.id, new.name, new.scopes, days=new.days, project_id=new.project_id
        )
        return TokenMade(**_told(row).model_dump(), token=text)

    return once(request, caller, key, new, act, secret=True)


@router.delete("/{token_id}", status_code=204, responses=documented(404))
def revoke_token(token_id: Id, state: State, caller: Owner) -> Response:
    """One of one's own, also the one that asks; it ends at once."""
    with state.db.write() as session:
        tokens.revoke(session, token_id, by=caller.person.id)
    return Response(status_code=204)
