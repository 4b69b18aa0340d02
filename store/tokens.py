"""Tokens of programs: made once, shown once, found by their public part, and compared by hash in constant time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.permissions import Standing, may_somewhere
from core.scopes import ROLE_FOR, Scope
from core.types import Role
from store import audit, projects, users, visibility
from store.clock import now
from store.engine import Database
from store.tables import ApiToken, User
from store.text import clean

PREFIX = "corr"
TOUCH_SECONDS = 60.0
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token speaks for, and what it may do; ``project_id`` is the only project it opens, ``None`` all of them."""

    token_id: int
    user_id: int
    user_name: str
    role: Role
    scopes: frozenset[str]
    project_id: int | None
    held: Standing


def create(
    session: Session,
    owner_id: int,
    name: str,
    scopes: Collection[str],
    *,
    days: int | None = None,
    project_id: int | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its text, which is kept nowhere. Raises ``ValueError`` on a bad name, scope or lifetime, ``LookupError``."""
    name = clean(name).strip()
    if not 0 < len(name) <= 80:
        raise ValueError("Give the token a name of at most 80 characters, such as the program's.")
    owner = users.get(session, owner_id)
    if project_id is not None:
        projects.get(session, project_id)
    if days is not None and not 1 <= days <= 3650:
        raise ValueError("A token lives between 1 and 3650 days, or until it is revoked.")
    kept = _scopes(scopes, users.standing(session, owner_id, Role(owner.role)))
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = ApiToken(
        name=name,
        key=key,
        secret_sha256=_digest(secret),
        scopes=kept,
        owner_id=owner_id,
        project_id=project_id,
        expires_at=now() + timedelta(days=days) if days is not None else None,
    )
    session.add(row)
    session.flush()
    told = {"name": name, "scopes": kept, "project": project_id, "days": days}
    audit.record(session, "token.create", "api_token", row.id, user_id=owner_id, new=told)
    return row, f"{PREFIX}_{key}_{secret}"


def _scopes(given: Collection[str], held: Standing) -> list[str]:
    if not given:
        raise ValueError("Choose at least one thing that the token may do.")
    known = {scope.value for scope in Scope}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"No such scope: {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
    kept = [scope for scope in Scope if scope.value in set(given)]
    if beyond := [scope for scope in kept if not may_somewhere(held, ROLE_FOR[scope])]:
        raise ValueError(f"Your role {held.role} does not allow {', '.join(beyond)}. Ask an admin for such a token.")
    return [scope.value for scope in kept]


def find(session: Session, text: str) -> Holder | None:
    """Who holds this token, if it is known, not revoked, not expired, and its owner is active. Takes as long for any wrong one."""
    found = _find(session, text)
    return found[0] if found is not None else None


def _find(session: Session, text: str) -> tuple[Holder, ApiToken] | None:
    prefix, _, rest = text.partition("_")
    key, _, secret = rest.partition("_")
    row = session.execute(
        select(ApiToken, User).join(User, User.id == ApiToken.owner_id).where(ApiToken.key == key[:20])
    ).one_or_none()
    right = secrets.compare_digest(_digest(secret), row[0].secret_sha256 if row else _NOBODY)
    if row is None or not right or prefix != PREFIX:
        return None
    token, owner = row
    if token.revoked_at is not None or not owner.active or (token.expires_at is not None and token.expires_at <= now()):
        return None
    held = users.standing(session, owner.id, Role(owner.role))
    scopes = frozenset(token.scopes)
    return Holder(token.id, owner.id, owner.name, Role(owner.role), scopes, token.project_id, held), token


def present(db: Database, text: str) -> Holder | None:
    """As ``find``, and notes about once a minute that the token was used."""
    with visibility.everything(), db.read() as session:
        found = _find(session, text)
    if found is None:
        return None
    holder, token = found
    if _due(token):
        with db.write() as session:
            session.execute(update(ApiToken).where(ApiToken.id == holder.token_id).values(last_used_at=now()))
    return holder


def _due(row: ApiToken) -> bool:
    return row.last_used_at is None or row.last_used_at <= now() - timedelta(seconds=TOUCH_SECONDS)


def revoke(session: Session, token_id: int, *, by: int, only_own: bool = True) -> ApiToken:
    """End a token at once. Raises ``LookupError`` for one that is not there or, with ``only_own``, somebody else's."""
    row = session.get(ApiToken, token_id, with_for_update=True, populate_existing=True)
    if row is None or (only_own and row.owner_id != by):
        raise LookupError(f"there is no token {token_id} of yours")
    if row.revoked_at is None:
        row.revoked_at = now()
        audit.record(session, "token.revoke", "api_token", token_id, user_id=by, old={"name": row.name})
        session.flush()
    return row


def list_of(session: Session, owner_id: int | None = None) -> Sequence[tuple[ApiToken, str]]:
    """Tokens with their owners' names, newest first: of one person, or of all."""
    query = select(ApiToken, User.name).join(User, User.id == ApiToken.owner_id).order_by(ApiToken.id.desc())
    if owner_id is not None:
        query = query.where(ApiToken.owner_id == owner_id)
    return [(row[0], row[1]) for row in session.execute(query.limit(500))]


def is_over(token: ApiToken, moment: datetime) -> bool:
    """Whether the token was revoked or has expired."""
    return token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= moment)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
