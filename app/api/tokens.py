"""Tokens for programs, made and revoked on a plain form page of one's account. A token cannot make tokens: only a session can."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import auth
from app.api.sign_in import state_of
from app.state import AppState
from app.view.languages import N_, _, of_error
from app.view.render import render
from core.scopes import ROLE_FOR, Scope
from core.types import Role
from store import projects, tokens
from store.clock import now

router = APIRouter()
SAYS = {
    Scope.PROJECTS_READ: N_("read projects"),
    Scope.PROJECTS_WRITE: N_("add and change projects"),
    Scope.ITEMS_READ: N_("read items"),
    Scope.ITEMS_WRITE: N_("push items"),
    Scope.OUTPUTS_READ: N_("read outputs and their risk"),
    Scope.OUTPUTS_WRITE: N_("push outputs"),
    Scope.REVIEWS_READ: N_("read reviews and corrections"),
    Scope.REVIEWS_WRITE: N_("claim items and review them in your name"),
    Scope.RULES_WRITE: N_("read and change rules"),
    Scope.LESSONS_READ: N_("read and retrieve lessons"),
    Scope.LESSONS_WRITE: N_("propose and decide on lessons, take them and corrections back"),
    Scope.EXPORTS_READ: N_("read and download exports"),
    Scope.EXPORTS_WRITE: N_("write exports"),
    Scope.JOBS_READ: N_("follow jobs"),
    Scope.JOBS_WRITE: N_("start, stop and repeat jobs, train"),
    Scope.REPORTS_READ: N_("read reports"),
    Scope.PEOPLE_WRITE: N_("add and change people"),
    Scope.WEBHOOKS_WRITE: N_("set up webhooks"),
    Scope.AUDIT_READ: N_("search the audit log"),
    Scope.TOKENS: N_("see and revoke tokens of yours"),
    Scope.GATEWAY: N_("ask the model through the gateway"),
    Scope.ADMIN: N_("everything above"),
}
LIVES = ((30, N_("30 days")), (90, N_("90 days")), (365, N_("a year")), (0, N_("until it is revoked")))


@router.get("/account/tokens")
def page(request: Request) -> Response:
    person = auth.person_of(state_of(request), request)
    if person is None:
        return RedirectResponse("/login?next=/account/tokens", 303)
    return _page(state_of(request), person)


@router.post("/account/tokens")
def make(
    request: Request,
    name: Annotated[str, Form()] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
    days: Annotated[str, Form()] = "90",
    project: Annotated[str, Form()] = "",
) -> Response:
    """The page again with the new token, which is shown this once."""
    state = state_of(request)
    person = auth.person_of(state, request)
    if person is None:
        return RedirectResponse("/login?next=/account/tokens", 303)
    if not (days.isdecimal() and len(days) < 5) or not (project == "" or (project.isdecimal() and len(project) < 19)):
        return _page(state, person, error=_("Choose how long it lives, and its project, from the lists."), status=400)
    try:
        with state.db.write() as session:
            _row, text = tokens.create(
                session,
                person.id,
                name,
                scopes or [],
                days=int(days) or None,
                project_id=int(project) if project else None,
            )
    except (ValueError, LookupError) as problem:
        return _page(state, person, error=of_error(str(problem)), status=400)
    return _page(state, person, token=text)


@router.post("/account/tokens/{token_id}/revoke")
def revoke(request: Request, token_id: int) -> Response:
    """One's own, or for admins anybody's."""
    state = state_of(request)
    person = auth.person_of(state, request)
    if person is None:
        return RedirectResponse("/login?next=/account/tokens", 303)
    try:
        with state.db.write() as session:
            tokens.revoke(session, token_id, by=person.id, only_own=not person.may(Role.ADMIN))
    except (LookupError, OverflowError):
        return _page(state, person, error=_("There is no such token of yours."), status=404)
    return RedirectResponse("/account/tokens", 303)


def _page(state: AppState, person: auth.Person, *, error: str = "", token: str = "", status: int = 200) -> Response:
    with state.db.read() as session:
        rows = tokens.list_of(session, None if person.may(Role.ADMIN) else person.id)
        names = {project.id: project.name for project in projects.list_all(session)}
    moment = now()
    known = [
        {"row": row, "owner": owner, "over": tokens.is_over(row, moment), "project": names.get(row.project_id or 0, "")}
        for row, owner in rows
    ]
    choices = [(scope.value, says) for scope, says in SAYS.items() if person.may_somewhere(ROLE_FOR[scope])]
    body = render(
        "tokens.html",
        person=person,
        error=error,
        token=token,
        tokens=known,
        scopes=choices,
        lives=LIVES,
        projects=sorted(names.items(), key=lambda pair: pair[1]),
        others=person.may(Role.ADMIN),
    )
    return HTMLResponse(body, status, headers={"cache-control": "no-store"})
