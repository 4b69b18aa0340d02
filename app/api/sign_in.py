"""Sign-in and sign-out. Attempts are limited per name, per address, and per both, and a session is new at every sign-in."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app import auth, language_choice
from app.language_choice import own_path
from app.state import AppState
from app.view.languages import N_, of_error
from app.view.render import render

router = APIRouter()
PER_NAME_AND_ADDRESS = parse("10 per 5 minutes")
PER_NAME = parse("60 per 5 minutes")  # many addresses at one name; far enough up that nobody locks others out by hand
PER_ADDRESS = parse("30 per 5 minutes")


def state_of(request: Request) -> AppState:
    state: AppState = request.app.state.corrigenda
    return state


@router.get("/login")
def form(request: Request, next: str = "/app/", out: bool = False) -> Response:
    """The sign-in page; the demo signs its visitor in at once, unless they have just signed out."""
    state = state_of(request)
    demo = auth.demo_allowed(state, request)
    if auth.person_of(state, request) is not None:
        return RedirectResponse(own_path(next), 303)
    if demo and not out:
        return signed_in(state, auth.demo_user(state.db), own_path(next))
    return form_page(request, next, demo=demo)


@router.post("/login")
async def sign_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    state = state_of(request)
    if not state.settings.password_sign_in:
        return form_page(request, next, N_("Passwords are switched off here."), status=403)
    if not _may_try(request, name):
        return form_page(request, next, N_("Too many attempts. Wait five minutes and try again."), name, status=429)
    person = await to_thread.run_sync(auth.check_password, state.db, name, password)
    if person is None:
        return form_page(
            request, next, N_("Name or password is wrong. Try again, or ask an admin to reset it."), name, status=401
        )
    return await to_thread.run_sync(signed_in, state, person.id, own_path(next))


@router.post("/logout")
def sign_out(request: Request) -> Response:
    state = state_of(request)
    token = request.cookies.get(auth.COOKIE)
    if token:
        auth.close_session(state, token)
    response = RedirectResponse("/login?out=true", 303)
    response.delete_cookie(auth.COOKIE, path="/")
    return response


@router.get("/api/v1/me")
def me(request: Request) -> Response:
    """Name and highest role anywhere of who is signed in, for the page's header; 401 when nobody is."""
    person = auth.person_of(state_of(request), request)
    if person is None:
        return JSONResponse({"detail": "Sign in first."}, 401)
    return JSONResponse({"name": person.name, "role": person.highest.value}, headers={"cache-control": "no-store"})


def signed_in(state: AppState, user_id: int, target: str) -> Response:
    """A new session in this browser, and on to ``target``."""
    response = RedirectResponse(target, 303)
    auth.set_cookie(response, state.settings, auth.open_session(state, user_id))
    return response


def form_page(
    request: Request, next: str, error: str = "", name: str = "", *, demo: bool = False, status: int = 200
) -> Response:
    """The ways to sign in that the settings allow, with what went wrong before."""
    settings = state_of(request).settings
    language_choice.use_for(settings, next)
    page = render(
        "login.html",
        next=own_path(next),
        error=of_error(error),
        name=name,
        demo=demo,
        passwords=settings.password_sign_in,
        provider=settings.oidc_name if settings.oidc_issuer is not None else "",
    )
    return HTMLResponse(page, status, headers={"cache-control": "no-store"})


def address_may_try(request: Request) -> bool:
    """Counts an attempt of this address; false after too many."""
    return _limiter(request).hit(PER_ADDRESS, _address(request))


def _limiter(request: Request) -> MovingWindowRateLimiter:
    limiter: MovingWindowRateLimiter | None = getattr(request.app.state, "attempts", None)
    if limiter is None:
        limiter = request.app.state.attempts = MovingWindowRateLimiter(MemoryStorage())
    return limiter


def _address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _may_try(request: Request, name: str) -> bool:
    limiter, address = _limiter(request), _address(request)
    name = name.strip().lower()[:80]
    hits = [
        limiter.hit(PER_NAME_AND_ADDRESS, name, address),
        limiter.hit(PER_NAME, name),
        limiter.hit(PER_ADDRESS, address),
    ]
    return all(hits)
