"""Who is signed in, and what they may do.

A session is a random 256-bit token in a cookie; the database keeps only its SHA-256. Pages are guarded twice: Gradio's
``auth_dependency`` refuses a whole mount, and every handler calls ``require`` itself, because a hidden event is still
reachable over HTTP by any signed-in user.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from app import language_choice, trouble
from app.settings import Settings
from app.state import AppState
from app.view import languages
from app.view.languages import _
from core import permissions
from core.permissions import Standing
from core.types import Role
from store import users, visibility
from store.clock import now
from store.engine import Database

if TYPE_CHECKING:
    import gradio as gr
    from pwdlib import PasswordHash
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

COOKIE = "corrigenda_session"
DEMO_USER = "demo"
MIN_PASSWORD = 10
_hashing = threading.Semaphore(2)  # one argon2id hash takes 64 MiB and 0.2 s


class Refused(Exception):
    """The person may not do this; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in user as handlers need it. ``held`` says what was granted to them; without it their role alone counts."""

    id: int
    name: str
    role: Role
    held: Standing | None = None

    @property
    def standing(self) -> Standing:
        return self.held or Standing(self.role)

    @property
    def highest(self) -> Role:
        """The highest role that they have anywhere."""
        return next(role for role in reversed(Role) if self.may_somewhere(role))

    def may(self, role: Role, project_id: int | None = None) -> bool:
        """Whether they may do what needs ``role``: in that project, or, without one, in the whole installation."""
        return permissions.may(self.standing, role, project_id)

    def may_somewhere(self, role: Role) -> bool:
        """Whether they may do what needs ``role`` in the installation or in some project."""
        return permissions.may_somewhere(self.standing, role)


def make_user(
    db: Database, name: str, password: str | None, role: str = Role.ANNOTATOR, *, by: int | None = None
) -> int:
    """Add a person and return the id; raises ``ValueError`` for a bad name or role, a short password or a taken name.

    ``by`` is the admin who adds them; ``None`` for the command line.
    """
    hashed = hash_password(password) if password is not None else None
    with db.write() as session:
        return users.create(session, name, role, hashed, by=by).id


def hash_password(password: str) -> str:
    """argon2id; raises ``ValueError`` for one shorter than ``MIN_PASSWORD``."""
    if len(password) < MIN_PASSWORD:
        raise ValueError(_("Choose a password of at least {least} characters.").format(least=MIN_PASSWORD))
    with _hashing:
        return _hasher().hash(password)


def check_password(db: Database, name: str, password: str) -> Person | None:
    """The person with that name and password, or ``None``. Takes as long for an unknown name as for a wrong password."""
    with db.read() as session:
        user = users.by_name(session, name.strip())
        known = user is not None and user.active and user.password_hash is not None
        hashed = user.password_hash if user is not None and known else None
        person = Person(user.id, user.name, Role(user.role)) if user is not None else None
    with _hashing:
        right = _hasher().verify(password[:1024], hashed or _dummy_hash())
    return person if known and right else None


def open_session(state: AppState, user_id: int) -> str:
    """A new session of that user; returns the token for the cookie, which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    with state.db.write() as session:
        users.new_session(session, user_id, _digest(token), now() + timedelta(days=state.settings.session_max_days))
    return token


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """Hand the token to the browser: out of reach of scripts, and not sent with another site's forms."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_max_days * 86400,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


def close_session(state: AppState, token: str) -> None:
    with state.db.write() as session:
        users.end_session(session, _digest(token))


def person_of(state: AppState, connection: HTTPConnection) -> Person | None:
    """Who sent this request, looked up once per request; ``None`` without a live session.

    Sessions of the database that are opened afterwards show what this person may see.
    """
    if "corrigenda.person" not in connection.scope:
        # What was excused from the origin check for its bearer token must not act as a browser that is signed in.
        excused = connection.scope.get("corrigenda.bearer", False)
        token = None if excused else connection.cookies.get(COOKIE)
        connection.scope["corrigenda.person"] = _look_up(state, token) if token else None
    person: Person | None = connection.scope["corrigenda.person"]
    if person is not None:
        visibility.see(permissions.sight(person.standing))
    return person


def user_of(request: gr.Request | None) -> Person:
    """The person behind a Gradio event; raises ``gr.Error`` when nobody is signed in."""
    import gradio as gr

    connection = request.request if request is not None else None
    language = language_choice.of_path(connection.scope.get("path", "")) if connection is not None else None
    if language is not None:
        languages.use(language)
    state = connection.scope.get("corrigenda.state") if connection is not None else None
    try:
        person = person_of(state, connection) if connection is not None and state is not None else None
    except SQLAlchemyError as problem:
        raise gr.Error(trouble.in_words(problem), title=_("Not done"), print_exception=False) from problem
    if person is None:
        raise gr.Error(
            _("You are signed out. Reload the page and sign in again."), title=_("Signed out"), print_exception=False
        )
    return person


def require(request: gr.Request | None, role: Role = Role.ANNOTATOR) -> Person:
    """The first line of every handler: the person behind the event, if they have the role; else raises ``gr.Error``.

    A role in one project is enough. What the handler reads and writes then shows only projects where the person has the role.
    """
    import gradio as gr

    person = user_of(request)
    if not person.may_somewhere(role):
        raise gr.Error(
            _("This needs the role {role}. Ask an admin to change yours.").format(role=_(role.value)),
            title=_("Not allowed"),
            print_exception=False,
        )
    visibility.see(permissions.sight(person.standing, role))
    return person


def demo_allowed(state: AppState, connection: HTTPConnection) -> bool:
    """Whether the demo may sign this visitor in: bound to loopback, called from loopback, and by a loopback name.

    The name is checked because a foreign page can make its own host name resolve to 127.0.0.1.
    """
    client = connection.client.host if connection.client else ""
    return (
        state.settings.demo_sign_in
        and is_loopback(state.settings.host)
        and is_loopback(client)
        and is_loopback(host_name(connection.headers.get("host", "")))
        and "x-forwarded-for" not in connection.headers
        and "forwarded" not in connection.headers
    )


def demo_user(db: Database) -> int:
    """The id of the demo's admin, made at the first visit. It has no password, so it cannot sign in otherwise."""
    with db.write() as session:
        user = users.by_name(session, DEMO_USER) or users.create(session, DEMO_USER, Role.ADMIN.value)
        return user.id


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without port and IPv6 brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _look_up(state: AppState, token: str) -> Person | None:
    found = users.signed_in(state.db, _digest(token), state.settings.session_idle_hours)
    return Person(found[0].id, found[0].name, found[1].role, found[1]) if found is not None else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@lru_cache
def _hasher() -> PasswordHash:
    from pwdlib import PasswordHash

    return PasswordHash.recommended()


@lru_cache
def _dummy_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))
