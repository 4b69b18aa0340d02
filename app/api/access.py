"""Who calls the API, and whether they may: a token's scope and its owner's role, or the role of a signed-in browser.

A request with an ``Authorization`` header is judged by it alone: its cookie counts for nothing, so what is excused from the
origin check (``app.security``) can never act as a browser's session.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app import auth
from app.api.problems import Problem
from app.api.sign_in import state_of
from app.auth import Person
from core import permissions
from core.scopes import ROLE_FOR, Scope, opens
from core.types import Role
from store import tokens, visibility
from store.tokens import Holder

BAD_TOKENS = parse("30 per 5 minutes")  # from one address
KEEP_KNOWN = 10_000
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token made on the page Your account.")
_cookie = APIKeyCookie(name=auth.COOKIE, auto_error=False, scheme_name="session", description="A signed-in browser.")


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, or a program with a person's token. ``scopes`` is ``None`` for a person: their role alone decides."""

    person: Person
    scopes: frozenset[str] | None = None
    project_id: int | None = None
    token_id: int | None = None
    role: Role = Role.ANNOTATOR  # what the scope of this call needs

    def in_project(self, project_id: int) -> None:
        """Raises 403 when the token is bound to another project or the role there is too low, 404 when they see nothing of it."""
        if self.project_id is not None and self.project_id != project_id:
            raise Problem(403, "other_project", "This token opens another project only.")
        if not self.person.may(Role.ANNOTATOR, project_id):
            raise Problem(404, "not_found", f"There is no project {project_id}.")
        if not self.person.may(self.role, project_id):
            raise Problem(403, "missing_role", f"This needs the role {self.role} in the project. Ask its lead.")


class Guard:
    """Bad tokens by address, and tokens that were good lately; one per application, in memory."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._known: dict[str, tuple[Holder, float]] = {}

    def may_try(self, address: str, text: str) -> bool:
        """False after too many bad tokens from an address; a token that was good lately is not held to that."""
        return _digest(text) in self._known or self._limiter.test(BAD_TOKENS, address)

    def bad(self, address: str, text: str) -> None:
        self._known.pop(_digest(text), None)
        self._limiter.hit(BAD_TOKENS, address)

    def good(self, text: str, holder: Holder) -> None:
        if len(self._known) >= KEEP_KNOWN:
            self._known.clear()
        self._known[_digest(text)] = (holder, time.monotonic())

    def recall(self, text: str, seconds: float) -> Holder | None:
        """Who held this token not longer ago than that, for when the database cannot be asked."""
        holder, seen = self._known.get(_digest(text), (None, 0.0))
        return holder if holder is not None and time.monotonic() - seen <= seconds else None


def guard_of(request: Request) -> Guard:
    guard: Guard | None = getattr(request.app.state, "guard", None)
    if guard is None:
        guard = request.app.state.guard = Guard()
    return guard


def needs(scope: Scope) -> Any:
    """A dependency: the caller, if they may do what needs ``scope``; raises 401, 403 or 429."""

    async def caller(
        request: Request, _token: Annotated[Any, Security(_bearer)], _session: Annotated[Any, Security(_cookie)]
    ) -> Caller:
        found = await to_thread.run_sync(authorise, request, scope)
        # Here and not on the thread, whose context the route does not have.
        visibility.see(permissions.sight(found.person.standing, found.role))
        return found

    return Depends(caller)


def authorise(request: Request, scope: Scope) -> Caller:
    """The caller, if their token has the scope and its owner, or the signed-in person, has the role. Raises ``Problem``."""
    header = request.headers.get("authorization")
    if header is None:
        person = auth.person_of(state_of(request), request)
        if person is None:
            raise Problem(401, "not_signed_in", "Send a token, or sign in first.", {"www-authenticate": "Bearer"})
        return allowed(Caller(person), scope)
    text = bearer_of(header)
    return allowed(from_holder(_present(request, text)), scope)


def bearer_of(header: str) -> str:
    """The token of an ``Authorization`` header; raises 401 for any other kind."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Problem(401, "bad_token", "Send Authorization: Bearer and a token.", {"www-authenticate": "Bearer"})
    return text.strip()[:300]


def from_holder(holder: Holder) -> Caller:
    person = Person(holder.user_id, holder.user_name, holder.role, holder.held)
    return Caller(person, holder.scopes, holder.project_id, holder.token_id)


def allowed(caller: Caller, scope: Scope) -> Caller:
    """``caller``; raises 403 without the scope, or where they have the role in no project."""
    if caller.scopes is not None and not opens(caller.scopes, scope):
        raise Problem(403, "missing_scope", f"This token lacks the scope {scope}. Make one that has it.")
    if not caller.person.may_somewhere(ROLE_FOR[scope]):
        raise Problem(403, "missing_role", f"This needs the role {ROLE_FOR[scope]}. Ask an admin.")
    return replace(caller, role=ROLE_FOR[scope])


def _present(request: Request, text: str) -> Holder:
    guard, address = guard_of(request), request.client.host if request.client else "?"
    if not guard.may_try(address, text):
        raise Problem(429, "too_many_bad_tokens", "Too many wrong tokens. Wait five minutes.", {"retry-after": "300"})
    holder = tokens.present(state_of(request).db, text)
    if holder is None:
        guard.bad(address, text)
        raise Problem(401, "bad_token", "This token is unknown, expired or revoked.", {"www-authenticate": "Bearer"})
    guard.good(text, holder)
    return holder


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
