"""One's own account: change the password, end all sessions. A plain form page, open to every role."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import auth
from app.api.sign_in import state_of
from app.state import AppState
from app.view.languages import _
from app.view.render import render
from store import users

router = APIRouter()


@router.get("/account")
def page(request: Request, done: bool = False) -> Response:
    person = auth.person_of(state_of(request), request)
    if person is None:
        return RedirectResponse("/login?next=/account", 303)
    return _page(person, done=_("Your password is changed. Other sessions have ended.") if done else "")


@router.post("/account/password")
async def change_password(
    request: Request,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    state = state_of(request)
    person = await to_thread.run_sync(auth.person_of, state, request)
    if person is None:
        return RedirectResponse("/login?next=/account", 303)
    if not state.settings.password_sign_in:
        return _page(person, _("Passwords are switched off here."), 403)
    if new != again:
        return _page(person, _("The two new passwords differ. Type them again."), 400)
    if await to_thread.run_sync(auth.check_password, state.db, person.name, old) is None:
        return _page(person, _("The present password is wrong."), 400)
    try:
        hashed = await to_thread.run_sync(auth.hash_password, new)
    except ValueError as problem:
        return _page(person, str(problem), 400)
    token = await to_thread.run_sync(_replace, state, person.id, hashed)
    response = RedirectResponse("/account?done=true", 303)
    auth.set_cookie(response, state.settings, token)
    return response


def _replace(state: AppState, user_id: int, hashed: str) -> str:
    with state.db.write() as session:
        users.set_password(session, user_id, hashed, by=user_id)
    return auth.open_session(state, user_id)


def _page(person: auth.Person, error: str = "", status: int = 200, done: str = "") -> Response:
    page = render("account.html", person=person, error=error, done=done, least=auth.MIN_PASSWORD)
    return HTMLResponse(page, status, headers={"cache-control": "no-store"})
