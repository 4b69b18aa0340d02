"""Sign-in, sessions and roles, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app import auth
from core.types import Role
from store import clock, tables, users
from tests.app.conftest import PASSWORD, Web, open_web


@pytest.fixture
def ada(web: Web) -> Iterator[TestClient]:
    auth.make_user(web.db, "ada", PASSWORD, Role.ADMIN)
    yield web.client()


def sign_in(client: TestClient, password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]
    return client.post("/login", data={"name": "ada", "password": password, **more})


def test_right_password_opens_a_session_that_only_the_browser_can_name(web: Web, ada: TestClient) -> None:
    answer = sign_in(ada, next="/app/lessons?project=1")
    assert answer.status_code == 303 and answer.headers["location"] == "/app/lessons?project=1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    token = ada.cookies[auth.COOKIE]
    assert len(token) >= 43
    with web.db.read() as session:
        stored = session.scalars(select(tables.UserSession.token_sha256)).all()
    assert len(stored) == 1 and token not in stored[0]
    assert ada.get("/api/v1/me").json() == {"name": "ada", "role": "admin"}


def test_wrong_password_unknown_name_and_deactivated_person_are_told_the_same(web: Web, ada: TestClient) -> None:
    bob = auth.make_user(web.db, "bob", PASSWORD, Role.ANNOTATOR)
    with web.db.write() as session:
        users.deactivate(session, bob)
    answers = [
        sign_in(ada, "wrong password"),
        ada.post("/login", data={"name": "nobody", "password": PASSWORD}),
        ada.post("/login", data={"name": "bob", "password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert all("Name or password is wrong" in answer.text for answer in answers)
    assert auth.COOKIE not in ada.cookies


def test_an_unknown_name_costs_a_hash_as_a_known_one_does(web: Web) -> None:
    auth.make_user(web.db, "ada", PASSWORD, Role.ADMIN)
    auth.check_password(web.db, "nobody", "x")  # makes the dummy hash once
    seconds = []
    for name in ("ada", "nobody"):
        start = time.process_time()
        assert auth.check_password(web.db, name, "wrong") is None
        seconds.append(time.process_time() - start)
    assert seconds[1] > seconds[0] / 4


def test_attempts_are_limited_by_name(ada: TestClient) -> None:
    for _ in range(10):
        assert sign_in(ada, "wrong").status_code == 401
    refused = sign_in(ada)
    assert refused.status_code == 429 and "Wait five minutes" in refused.text


def test_signing_out_ends_the_session_itself(ada: TestClient) -> None:
    sign_in(ada)
    token = ada.cookies[auth.COOKIE]
    assert ada.post("/logout").headers["location"] == "/login?out=true"
    ada.cookies.set(auth.COOKIE, token)
    assert ada.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("after", "alive"), [(timedelta(hours=11), True), (timedelta(hours=13), False), (timedelta(days=8), False)]
)
def test_a_session_ends_when_idle_or_old(web: Web, after: timedelta, alive: bool) -> None:
    start = clock.now()
    client = web.client("ada", Role.ADMIN)
    clock.use(lambda: start + after)
    try:
        assert (client.get("/api/v1/me").status_code == 200) is alive
    finally:
        clock.use(None)


def test_a_session_in_use_still_ends_after_its_days(web: Web) -> None:
    start = clock.now()
    client = web.client("ada", Role.ADMIN)
    try:
        for hours in range(6, 7 * 24, 6):
            clock.use(lambda hours=hours: start + timedelta(hours=hours))
            assert client.get("/api/v1/me").status_code == 200
        clock.use(lambda: start + timedelta(days=7, seconds=1))
        assert client.get("/api/v1/me").status_code == 401
    finally:
        clock.use(None)


def test_a_changed_role_ends_sessions(web: Web) -> None:
    client = web.client("ada", Role.ADMIN)
    web.client("bob", Role.ADMIN)
    with web.db.write() as session:
        users.set_role(session, users.by_name(session, "ada").id, "annotator")  # type: ignore[union-attr]
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_sign_in_never_leads_to_another_site(ada: TestClient, target: str) -> None:
    assert sign_in(ada, next=target).headers["location"] == "/app/"


def test_pages_ask_for_sign_in_and_say_when_a_role_is_missing(web: Web) -> None:
    html = {"accept": "text/html"}
    asked = web.client().get("/app/lessons?project=3", headers=html)
    assert asked.status_code == 303 and asked.headers["location"] == "/login?next=/app/lessons%3Fproject%3D3"
    refused = web.client("bob").get("/admin/people", headers=html)
    assert refused.status_code == 403 and "This page is for admins and leads" in refused.text
    assert web.client("eve", Role.EXPERT).get("/admin/", headers=html).status_code == 403
    assert web.client("ada", Role.ADMIN).get("/admin/", headers=html).status_code == 200


def test_one_changes_the_own_password(web: Web, ada: TestClient) -> None:
    other = web.client()
    sign_in(ada), sign_in(other)
    new = "four plain words here"
    form = {"old": PASSWORD, "new": new, "again": new}
    assert "wrong" in ada.post("/account/password", data={**form, "old": "x"}).text
    assert "differ" in ada.post("/account/password", data={**form, "again": "x"}).text
    assert "at least 10" in ada.post("/account/password", data={**form, "new": "short", "again": "short"}).text
    assert ada.post("/account/password", data=form).headers["location"] == "/account?done=true"
    assert ada.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert sign_in(web.client(), new).status_code == 303


def test_the_demo_signs_in_by_itself_on_loopback_only(demo_web: Web) -> None:
    client = demo_web.client()
    answer = client.get("/login?next=/app/review")
    assert answer.status_code == 303 and answer.headers["location"] == "/app/review"
    assert client.get("/api/v1/me").json() == {"name": "demo", "role": "admin"}
    assert client.post("/logout").status_code == 303
    assert "Enter the demo" in client.get("/login?out=true").text


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"host": "rebound.example"}),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}),
    ],
)
def test_the_demo_signs_nobody_else_in(demo_web: Web, peer: str, headers: dict[str, str]) -> None:
    client = TestClient(demo_web.app, base_url="http://127.0.0.1", client=(peer, 50000), follow_redirects=False)
    answer = client.get("/login", headers=headers)
    assert answer.status_code in (200, 421)
    assert "set-cookie" not in answer.headers and "Enter the demo" not in answer.text


def test_the_demo_does_not_sign_in_when_the_server_listens_to_others(tmp_path: Path) -> None:
    made = open_web(tmp_path / "data", demo_sign_in=True, host="0.0.0.0")
    assert "set-cookie" not in made.client().get("/login").headers
    made.db.dispose()


def test_make_user_says_what_is_wrong(web: Web) -> None:
    for name, password, role, words in (
        ("", PASSWORD, "admin", "name"),
        ("zoe", "short", "admin", "10 characters"),
        ("zoe", PASSWORD, "boss", "boss"),
    ):
        with pytest.raises(ValueError, match=words):
            auth.make_user(web.db, name, password, role)
    auth.make_user(web.db, "zoe", PASSWORD, "expert")
    with pytest.raises(ValueError, match="already"):
        auth.make_user(web.db, "Zoe", PASSWORD, "expert")
