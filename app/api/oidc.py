"""The way to the sign-in provider and back. Whom an account there belongs to is decided by issuer and subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.api import sign_in
from app.api.sign_in import state_of
from app.language_choice import own_path
from app.oidc import LIVES, Pending, Provider, SignInFailed
from app.settings import Settings
from core.permissions import includes
from core.types import Role
from store import identities, users
from store.tables import User

router = APIRouter(prefix="/login/oidc")
COOKIE = "corrigenda_oidc"


def provider_of(request: Request) -> Provider | None:
    """``None`` where the settings name no provider."""
    settings = state_of(request).settings
    if settings.oidc_issuer is None:
        return None
    provider: Provider | None = getattr(request.app.state, "oidc", None)
    if provider is None:
        provider = request.app.state.oidc = Provider(settings)
    return provider


@router.get("")
def begin(request: Request, next: str = "/app/") -> Response:
    """To the provider, with what the browser has to bring back in a cookie."""
    provider, settings = provider_of(request), state_of(request).settings
    if provider is None:
        return RedirectResponse("/login", 303)
    try:
        url, pending = provider.begin(_redirect_uri(request), own_path(next))
    except SignInFailed as failed:
        return sign_in.form_page(request, next, str(failed), status=502)
    response = RedirectResponse(url, 303, headers={"cache-control": "no-store"})
    response.set_cookie(
        COOKIE,
        pending.pack(),
        max_age=LIVES,
        path="/login/oidc",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


@router.get("/callback", name="oidc_callback")
def finish(request: Request) -> Response:
    """Back from the provider: a session for who it says this is, or the sign-in page with the reason."""
    provider, state = provider_of(request), state_of(request)
    if provider is None:
        return RedirectResponse("/login", 303)
    pending = Pending.unpack(request.cookies.get(COOKIE, ""))
    try:
        if not sign_in.address_may_try(request):
            raise SignInFailed("Too many attempts. Wait five minutes and try again.")
        claims = provider.finish(dict(request.query_params), pending, _redirect_uri(request))
        with state.db.write() as session:
            user_id = _person(session, state.settings, claims).id
    except SignInFailed as failed:
        response = sign_in.form_page(request, "/app/", str(failed), status=401)
    else:
        response = sign_in.signed_in(state, user_id, own_path(pending.next if pending else ""))
    response.delete_cookie(COOKIE, path="/login/oidc")
    return response


def _redirect_uri(request: Request) -> str:
    return state_of(request).settings.oidc_redirect_url or str(request.url_for("oidc_callback"))


def _person(session: Any, settings: Settings, claims: Mapping[str, Any]) -> User:
    """Whom the account belongs to, linked or made where the settings allow it. Raises ``SignInFailed``."""
    issuer, subject, email = str(claims["iss"]), str(claims["sub"]), str(claims.get("email") or "")
    user = identities.person_of(session, issuer, subject)
    if user is None and settings.oidc_link_verified_email and claims.get("email_verified") is True and email:
        user = users.by_name(session, email)
        if user is not None and user.active:
            identities.link(session, user.id, issuer, subject)
    if user is None:
        if not settings.oidc_create_people:
            raise SignInFailed("You have no account here yet. Ask an admin to add you.")
        name = next((str(claims[one]) for one in ("preferred_username", "email", "name") if claims.get(one)), subject)
        user = identities.create(session, issuer, subject, name)
    if not user.active:
        raise SignInFailed("Your account here is not active. Ask an admin.")
    if settings.oidc_roles:
        identities.follow(session, user, mapped(settings.oidc_roles, claims.get(settings.oidc_groups_claim)))
    return user


def mapped(roles: Mapping[str, Role], groups: object) -> Role:
    """The highest role of any of the groups; annotator where none of them says one."""
    named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    best = Role.ANNOTATOR
    for role in (roles[group] for group in named if isinstance(group, str) and group in roles):
        best = role if includes(role, best) else best
    return best
