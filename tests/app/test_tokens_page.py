"""Tokens on the page of one's account: shown once, revoked, and out of reach of tokens and of other sites."""

from __future__ import annotations

import re

from core.types import Role
from tests.app.conftest import Web


def token_in(page: str) -> str:
    found = re.search(r'id="new-token"[^>]*>([^<]+)<', page)
    assert found
    return found[1]


def test_a_token_is_shown_once_used_and_revoked(web: Web) -> None:
    ada = web.client("ada", Role.ADMIN)
    made = ada.post("/account/tokens", data={"name": "<b>ci</b>", "scopes": ["exports:read"], "days": "30"})
    assert made.status_code == 200 and "&lt;b&gt;ci&lt;/b&gt;" in made.text and "<b>ci" not in made.text
    token = token_in(made.text)
    assert token not in ada.get("/account/tokens").text
    bare = web.client()
    asked = bare.get("/api/v1/exports/999/file", headers={"authorization": f"Bearer {token}"})
    assert asked.status_code == 404, "authorised, and there is no such export"
    assert ada.post("/account/tokens/1/revoke").status_code == 303
    again = bare.get("/api/v1/exports/999/file", headers={"authorization": f"Bearer {token}"})
    assert again.status_code == 401 and "revoked" in ada.get("/account/tokens").text


def test_only_a_session_makes_and_revokes_tokens(web: Web) -> None:
    ada = web.client("ada", Role.ADMIN)
    headers = {
        "authorization": f"Bearer {token_in(ada.post('/account/tokens', data={'name': 'x', 'scopes': ['admin']}).text)}"
    }
    assert (
        web.client().post("/account/tokens", data={"name": "y", "scopes": ["admin"]}, headers=headers).status_code
        == 303
    )
    assert web.client("eve", Role.EXPERT).post("/account/tokens/1/revoke").status_code == 404
    refused = web.client("bob").post("/account/tokens", data={"name": "z", "scopes": ["items:write"]})
    assert refused.status_code == 400 and "Your role annotator" in refused.text
    evil = ada.post("/account/tokens", data={"name": "z"}, headers={"origin": "https://evil.example"})
    assert evil.status_code == 403


def test_a_bearer_needs_no_origin_and_lends_none_to_the_cookie(web: Web) -> None:
    """A request that is excused from the origin check must not act as the browser's session."""
    ada = web.client("ada", Role.ADMIN)
    headers = {"origin": "https://evil.example", "authorization": "Bearer x"}
    assert ada.get("/api/v1/me").status_code == 200
    assert ada.get("/api/v1/me", headers=headers).status_code == 401
    assert ada.post("/logout", headers=headers).status_code == 403
    assert ada.put("/api/v1/drafts/1", json={"revision": 1, "body": {}}, headers=headers).status_code == 401
