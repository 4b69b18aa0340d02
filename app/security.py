"""What every request passes: host and origin checks, a limit on its size, and the headers of every answer.

Pure ASGI, outermost first as ``protect`` adds them. Gradio's own CORS middleware answers any origin with credentials
when the host is not local; it stands aside when the parent has Starlette's ``CORSMiddleware``, so we add that.
"""

from __future__ import annotations

import contextlib
import re
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.auth import host_name, is_loopback
from app.language_choice import InLanguage
from app.settings import Settings
from app.state import AppState
from app.view.languages import _
from app.view.render import render

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOADS = re.compile(r"(/[a-z]{2})?/admin/gradio_api/upload|/api/v1/projects/[0-9]{1,19}/(imports|lessons/import)")
MAX_BODY = 8 * 1024 * 1024  # of anything but an upload: the events of a page with a long answer
# Gradio builds functions from strings, so 'unsafe-eval' has to stay; everything may come from this server only.
CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def protect(app: FastAPI, state: AppState, pages: frozenset[str] = frozenset()) -> None:
    """Add the checks to an application whose English pages have these addresses; call it before anything is mounted."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=state.settings.allowed_origins,
        allow_credentials=bool(state.settings.allowed_origins),
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["content-type"],
    )
    app.add_middleware(SignInFirst)
    app.add_middleware(BodyLimit, upload_bytes=state.settings.max_upload_mb * 1024 * 1024)
    app.add_middleware(InLanguage, settings=state.settings, pages=pages)
    app.add_middleware(SameOrigin, settings=state.settings)
    app.add_middleware(Envelope, state=state)


class Envelope:
    """Puts the process's state into the scope and the security headers into every answer."""

    def __init__(self, app: ASGIApp, state: AppState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["corrigenda.state"] = self.state

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.state.settings.secure_cookies:
                    headers.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def for_programs(path: str) -> bool:
    """Whether this is the API or the gateway, which take tokens."""
    return path.startswith(("/api/v1/", "/v1/"))


def refusal(path: str, status: int, code: str, says: str) -> Response:
    """Words for people; for programs a problem as every other of the API."""
    return problems.answer(status, code, says) if for_programs(path) else PlainTextResponse(says, status)


class SameOrigin:
    """Refuses unsafe requests that another site made a browser send, and, on loopback, any foreign host name."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.allowed = {origin.rstrip("/").lower() for origin in settings.allowed_origins}
        self.allowed_hosts = {urlsplit(origin).hostname for origin in self.allowed}
        self.loopback_only = is_loopback(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.loopback_only and not is_loopback(host_name(host)) and host_name(host) not in self.allowed_hosts:
            says = "This server answers to its own address only. Add yours to CORRIGENDA_ALLOWED_ORIGINS."
            await refusal(scope["path"], 421, "foreign_host", says)(scope, receive, send)
            return
        if for_programs(scope["path"]) and headers.get("authorization", "").lower().startswith("bearer "):
            scope["corrigenda.bearer"] = True  # ``app.auth.person_of`` then looks at no cookie
        elif scope["method"] not in SAFE_METHODS and not self.own(headers, host):
            says = "This request came from another site. Open Corrigenda by its own address."
            await refusal(scope["path"], 403, "foreign_origin", says)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def own(self, headers: Headers, host: str) -> bool:
        """Whether a browser sent it from our own pages, or no browser sent it at all."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
        return urlsplit(origin).netloc.lower() == host.lower() or origin.lower() in self.allowed


class SignInFirst:
    """Turns Gradio's bare 401 into something for people: the sign-in page, or why their role does not open this one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or "text/html" not in Headers(scope=scope).get("accept", "")
        ):
            await self.app(scope, receive, send)
            return
        instead: Response | None = None

        async def send_or_replace(message: Message) -> None:
            nonlocal instead
            if message["type"] == "http.response.start" and message["status"] == 401:
                instead = self.answer(scope)
            if instead is None:
                await send(message)

        path, query = scope["path"], scope["query_string"].decode("latin-1")
        scope["corrigenda.wanted"] = f"{path}?{query}" if query else path
        await self.app(scope, receive, send_or_replace)
        if instead is not None:
            await instead(scope, receive, send)

    @staticmethod
    def answer(scope: Scope) -> Response:
        person = scope.get("corrigenda.person")
        if person is None:
            return RedirectResponse(f"/login?next={quote(scope['corrigenda.wanted'], safe='/')}", 303)
        return HTMLResponse(render("no_access.html", person=person), 403)


class TooLarge(Exception):
    """More bytes arrived than the limit allows."""


class BodyLimit:
    """Stops a request whose body is larger than its route may take, whether it says so or not."""

    def __init__(self, app: ASGIApp, upload_bytes: int) -> None:
        self.app = app
        self.upload_bytes = upload_bytes + MAX_BODY  # multipart adds its own lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        limit = self.upload_bytes if UPLOADS.fullmatch(scope["path"]) else MAX_BODY
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) > limit:
            await self.refuse(scope, receive, send)
            return
        seen, started = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLarge
            return message

        async def unless_too_large(message: Message) -> None:
            nonlocal started
            if seen <= limit:  # else it is the application's own answer to the broken body
                started = True
                await send(message)

        with contextlib.suppress(TooLarge):
            await self.app(scope, counted, unless_too_large)
        if seen > limit and not started:
            await self.refuse(scope, receive, send)

    @staticmethod
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        message = _("This is larger than the server takes. Split it, or raise CORRIGENDA_MAX_UPLOAD_MB.")
        await refusal(scope["path"], 413, "too_large", message)(scope, receive, send)
