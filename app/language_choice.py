"""Which language a request is in, and how people choose theirs.

Pages stand once per language: English at ``/app`` and ``/admin``, others below their code, ``/de/app``. A page's address without a code
leads to the reader's language: the one they chose (a cookie), else what their browser asks for. Programs, logs and commands
stay English.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.settings import Settings
from app.view import languages
from app.view.languages import ENGLISH

COOKIE = "language"
YEAR = 365 * 86400  # seconds
MOUNTS = ("/app", "/admin")
# What people read outside the mounts.
PLAIN = ("/login", "/logout", "/account", "/language")

router = APIRouter()


def of_path(path: str) -> str | None:
    """The language of a page's address: "de" for ``/de/app/review``, "en" for ``/app/review``, ``None`` for what is no page."""
    code, rest = _split(path)
    return code if _below(rest, MOUNTS) else None


def in_language(path: str, language: str) -> str:
    """The same page in a language; what is no page stays, but for the page that a sign-in leads to."""
    parts = urlsplit(path)
    if of_path(parts.path) is not None:
        bare = _split(parts.path)[1]
        moved = bare if language == ENGLISH else f"/{language}{bare}"
        return f"{moved}?{parts.query}" if parts.query else moved
    if parts.path != "/login" or not parts.query:
        return path
    query = [(key, in_language(value, language) if key == "next" else value) for key, value in parse_qsl(parts.query)]
    return f"{parts.path}?{urlencode(query)}"


def of_reader(settings: Settings, connection: HTTPConnection) -> str:
    """What the reader chose, else the first of their browser's languages that is here, else the installation's first."""
    chosen = connection.cookies.get(COOKIE)
    if chosen in settings.languages:
        return chosen
    asked = _accepted(connection.headers.get("accept-language", ""))
    return next((code for code in asked if code in settings.languages), settings.languages[0])


def own_path(target: str) -> str:
    """``target`` if it is a path on this server, else the first page: a redirect never leaves the site."""
    safe = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    )
    return target if safe else "/app/"


@router.post("/language")
def choose(request: Request, to: Annotated[str, Form()] = "") -> Response:
    """Keep the choice in this browser, and go back to the page it was made on, in that language."""
    settings: Settings = request.app.state.corrigenda.settings
    language = to if to in settings.languages else settings.languages[0]
    came_from = urlsplit(request.headers.get("referer", ""))
    here = came_from.netloc.lower() == request.headers.get("host", "").lower() and bool(came_from.path)
    path = own_path(f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path) if here else "/app/"
    response = RedirectResponse(in_language(path, language), 303)
    response.set_cookie(
        COOKIE, language, max_age=YEAR, path="/", httponly=True, samesite="lax", secure=settings.secure_cookies
    )
    return response


class InLanguage:
    """Sets the language of each request, and leads page addresses without one to the reader's."""

    def __init__(self, app: ASGIApp, settings: Settings, pages: frozenset[str]) -> None:
        self.app = app
        self.settings = settings
        self.pages = pages  # addresses of the English pages, without a slash at the end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        language = of_path(path)
        if language == ENGLISH and scope["method"] in ("GET", "HEAD") and path.rstrip("/") in self.pages:
            reader = of_reader(self.settings, HTTPConnection(scope))
            if reader != ENGLISH:
                query = scope["query_string"].decode("latin-1")
                target = in_language(f"{path}?{query}" if query else path, reader)
                headers = {"cache-control": "no-store", "vary": "cookie, accept-language"}
                await RedirectResponse(target, 303, headers)(scope, receive, send)
                return
        elif language is None and _below(path, PLAIN):
            connection = HTTPConnection(scope)
            language = of_reader(self.settings, connection)
        with languages.using(language or ENGLISH, self.settings.languages):
            await self.app(scope, receive, send)


def use_for(settings: Settings, target: str) -> None:
    """The language of the page that a sign-in leads to, where its address names one."""
    code = _code(target)
    if code != ENGLISH and code in settings.languages:  # an address without a code is anybody's
        languages.use(code)


def _code(target: str) -> str | None:
    """The language that a page's address names; English for one without a code, and for what is no page."""
    return (of_path(urlsplit(target).path) if target.startswith("/") else None) or ENGLISH


def _split(path: str) -> tuple[str, str]:
    """Code and the rest: ("de", "/app/") of ``/de/app/``; ("en", path) where none of ours stands first."""
    first, slash, rest = path.removeprefix("/").partition("/")
    if path.startswith("/") and slash and first in languages.NAMES and first != ENGLISH:
        return first, f"/{rest}"
    return ENGLISH, path


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _accepted(header: str) -> list[str]:
    """Codes of an ``Accept-Language`` header by weight, the regions left off: ["de", "en"] of ``en;q=0.5, de-AT``."""
    weighed = []
    for place, part in enumerate(header[:1000].split(",")):
        code, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((-weight, place, code.partition("-")[0].lower()))
    return [code for _, _, code in sorted(weighed)]
