"""Sign-in at a provider: the whole way over real HTTP, and everything that must not be believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select
from starlette.testclient import TestClient

from app import auth
from app.settings import Settings
from core.types import Role
from store import audit, clock, tables, users
from tests.app.conftest import Web, open_web
from tests.app.oidc_provider import CLIENT, SECRET, Account, FakeProvider, running_provider

Open = Callable[..., Web]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with running_provider() as made:
        yield made


@pytest.fixture
def opened(provider: FakeProvider, tmp_path: Path) -> Iterator[Open]:
    made: list[Web] = []

    def open_with(**changes: Any) -> Web:
        settings = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        made.append(open_web(tmp_path / f"data-{len(made)}", **{**settings, **changes}))
        return made[-1]

    yield open_with
    for web in made:
        web.db.dispose()


def there(client: TestClient, next: str = "/app/review?project=1") -> str:
    """Up to the provider's page, and its answer: the address at which the browser comes back."""
    to = client.get("/login/oidc", params={"next": next})
    assert to.status_code == 303, to.text
    return httpx.get(to.headers["location"]).headers["location"]


def from_address(web: Web, n: int) -> TestClient:
    """Attempts are counted by address."""
    return TestClient(web.app, base_url="http://127.0.0.1", client=(f"127.0.0.{10 + n}", 50000), follow_redirects=False)


def back(client: TestClient, url: str) -> Any:
    return client.get(url)


def test_the_way_there_and_back_signs_a_new_annotator_in(opened: Open, provider: FakeProvider) -> None:
    web = opened()
    client = web.client()
    assert "Sign in with single sign-on" in client.get("/login").text
    answer = back(client, there(client))
    assert answer.status_code == 303 and answer.headers["location"] == "/app/review?project=1"
    assert client.get("/api/v1/me").json() == {"name": "ann", "role": "annotator"}
    assert "corrigenda_oidc" not in client.cookies
    again = web.client()
    provider.account.claims = {"preferred_username": "renamed"}
    back(again, there(again))
    assert again.get("/api/v1/me").json()["name"] == "ann", "the account is known by issuer and subject"
    assert provider.asked.count("/keys") == 1, "what the provider says of itself is kept"
    with web.db.read() as session:
        told = [event.action for event in audit.page(session, subject="user_account")]
        assert told == ["user.link", "user.create"]


FORGED: dict[str, Callable[[FakeProvider], Any]] = {
    "signed by another key": lambda p: setattr(
        p, "sign", lambda claims: p.signed(claims, RSAKey.generate_key(2048, {"kid": "k1"}))
    ),
    "not signed": lambda p: setattr(p, "sign", p.unsigned),
    "signed with the public key as a secret": lambda p: setattr(p, "sign", p.signed_with_the_public_key),
    "changed after signing": lambda p: setattr(
        p, "sign", lambda claims: ".".join(p.signed(claims).split(".")[:2]) + "." + "A" * 342
    ),
    "no token at all": lambda p: setattr(p, "sign", lambda claims: "x"),
    "another issuer": lambda p: setattr(p, "twist", lambda claims: claims.update(iss="https://evil.example")),
    "another audience": lambda p: setattr(p, "twist", lambda claims: claims.update(aud="another")),
    "several audiences without a party": lambda p: setattr(
        p, "twist", lambda claims: claims.update(aud=[CLIENT, "another"])
    ),
    "another party": lambda p: setattr(p, "twist", lambda claims: claims.update(azp="another")),
    "expired": lambda p: setattr(p, "twist", lambda claims: claims.update(exp=int(time.time()) - 120)),
    "without an end": lambda p: setattr(p, "twist", lambda claims: claims.pop("exp")),
    "of the future": lambda p: setattr(p, "twist", lambda claims: claims.update(iat=int(time.time()) + 600)),
    "another nonce": lambda p: setattr(p, "twist", lambda claims: claims.update(nonce="x" * 43)),
    "without a nonce": lambda p: setattr(p, "twist", lambda claims: claims.pop("nonce")),
    "nobody": lambda p: setattr(p, "twist", lambda claims: claims.update(sub="")),
    "a name too long": lambda p: setattr(p, "twist", lambda claims: claims.update(sub="x" * 256)),
}


def test_what_is_not_to_be_believed_signs_nobody_in(opened: Open, provider: FakeProvider) -> None:
    web = opened()
    sign, twist = provider.sign, provider.twist
    for n, (how, forge) in enumerate(FORGED.items()):
        provider.sign, provider.twist = sign, twist
        forge(provider)
        client = from_address(web, n)
        refused = back(client, there(client))
        assert refused.status_code == 401 and "The" in refused.text and 'role="alert"' in refused.text, how
        assert "Too many" not in refused.text and client.get("/api/v1/me").status_code == 401, how
    with web.db.read() as session:
        assert session.scalars(select(tables.User)).all() == []


def test_state_belongs_to_one_browser_and_one_way_back(opened: Open) -> None:
    web = opened()
    victim, attacker = web.client(), web.client()
    url = there(attacker)
    assert back(victim, url).status_code == 401, "begun in another browser"
    cookie = attacker.cookies["corrigenda_oidc"]
    assert back(attacker, url.replace("state=", "state=x")).status_code == 401
    url = there(attacker)
    cookie = attacker.cookies["corrigenda_oidc"]
    assert back(attacker, url).status_code == 303
    attacker.cookies.clear()
    attacker.cookies.set("corrigenda_oidc", cookie, path="/login/oidc")
    replayed = back(attacker, url)
    assert replayed.status_code == 401 and "used already" in replayed.text
    for junk in ("", "e30", "W10", "eyJzdGF0ZSI6MX0", "\xff", "x" * 3000):
        odd = web.client()
        assert (
            odd.get(
                "/login/oidc/callback?code=x&state=", headers={"cookie": f"corrigenda_oidc={junk}".encode("latin-1")}
            ).status_code
            == 401
        )


def test_a_code_without_its_verifier_is_refused(opened: Open, provider: FakeProvider) -> None:
    web = opened()
    client = web.client()
    url = there(client)
    code = httpx.URL(url).params["code"]
    provider.codes[code]["code_challenge"] = "another"
    assert back(client, url).status_code == 401


def test_a_way_back_that_takes_too_long_or_comes_from_elsewhere_is_refused(
    opened: Open, provider: FakeProvider
) -> None:
    web = opened()
    client = web.client()
    url = there(client)
    clock.use(lambda: clock._system() + timedelta(seconds=700))
    try:
        assert "took too long" in back(client, url).text
    finally:
        clock.use(None)
    assert "another provider" in back(client, there(client).replace("iss=http", "iss=https%3A%2F%2Fevil")).text
    url = there(client)
    state = httpx.URL(url).params["state"]
    denied = client.get("/login/oidc/callback", params={"state": state, "error": "access_denied<b>"})
    assert denied.status_code == 401 and "access_denied&lt;b&gt;" in denied.text


def test_the_way_back_never_leads_to_another_site(opened: Open) -> None:
    web = opened()
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "/a\nb"):
        client = web.client()
        assert back(client, there(client, target)).headers["location"] == "/app/", target


def test_people_here_are_never_taken_over_by_name(opened: Open, provider: FakeProvider) -> None:
    web = opened()
    auth.make_user(web.db, "ann@example.org", None, Role.ADMIN)
    provider.account.claims = {"email": "ann@example.org", "email_verified": True}
    client = web.client()
    back(client, there(client))
    assert client.get("/api/v1/me").json() == {"name": "ann@example.org (2)", "role": "annotator"}


def test_an_email_links_only_where_the_provider_verified_it(opened: Open, provider: FakeProvider) -> None:
    web = opened(oidc_link_verified_email=True)
    auth.make_user(web.db, "ann@example.org", None, Role.EXPERT)
    for n, (verified, linked) in enumerate(((False, False), ("true", False), (None, False), (1, False), (True, True))):
        provider.account = Account(f"u-{n}", {"email": "ann@example.org", "email_verified": verified})
        client = web.client()
        back(client, there(client))
        assert (client.get("/api/v1/me").json()["role"] == "expert") is linked, verified


def test_groups_give_the_role_and_take_it_but_never_from_the_last_admin(opened: Open, provider: FakeProvider) -> None:
    web = opened(oidc_roles={"boss": "admin", "masters": "expert"}, oidc_groups_claim="teams")
    roles = []
    for groups in (["masters", "x", 3], ["boss", "masters"], [], "masters"):
        provider.account.claims = {"preferred_username": "ann", "teams": groups}
        client = web.client()
        back(client, there(client))
        roles.append(client.get("/api/v1/me").json()["role"])
        if roles[-1] == "admin" and len(roles) == 3:
            auth.make_user(web.db, "other", None, Role.ADMIN)
    assert roles == ["expert", "admin", "admin", "expert"]


def test_strangers_and_inactive_people_are_refused_where_that_is_set(opened: Open, provider: FakeProvider) -> None:
    web = opened(oidc_create_people=False)
    client = web.client()
    assert "Ask an admin to add you" in back(client, there(client)).text
    web = opened()
    client = web.client()
    back(client, there(client))
    with web.db.write() as session:
        ann = users.by_name(session, "ann")
        assert ann is not None
        users.deactivate(session, users.create(session, "x", "annotator").id)
        users.deactivate(session, ann.id)
    assert client.get("/api/v1/me").status_code == 401
    assert "not active" in back(client, there(client)).text


def test_passwords_can_be_switched_off(opened: Open) -> None:
    web = opened(password_sign_in=False)
    auth.make_user(web.db, "ann", "correct horse battery")
    client = web.client()
    page = client.get("/login").text
    assert "single sign-on" in page and "password" not in page.lower()
    refused = client.post("/login", data={"name": "ann", "password": "correct horse battery"})
    assert refused.status_code == 403 and "switched off" in refused.text
    back(client, there(client))
    assert client.post("/account/password", data={"old": "x", "new": "y" * 12, "again": "y" * 12}).status_code == 403


def test_changed_keys_are_fetched_and_a_silent_provider_is_told(opened: Open, provider: FakeProvider) -> None:
    web = opened()
    client = web.client()
    back(client, there(client))
    provider.turn_keys()
    client = web.client()
    assert back(client, there(client)).status_code == 303
    away = opened(oidc_issuer="http://127.0.0.1:9")
    told = away.client().get("/login/oidc")
    assert told.status_code == 502 and "tell an admin" in told.text and "traceback" not in told.text.lower()


def test_a_provider_that_lies_about_itself_is_not_asked_further(opened: Open, provider: FakeProvider) -> None:
    for lie in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
    ):
        provider.metadata = lie
        assert opened().client().get("/login/oidc").status_code == 502, lie


def test_settings_that_lock_everybody_out_are_refused() -> None:
    with pytest.raises(ValueError, match="nobody can sign in"):
        Settings(password_sign_in=False)
    with pytest.raises(ValueError, match="OIDC_CLIENT_ID"):
        Settings(oidc_issuer="https://sign-in.example")


def test_without_a_provider_there_is_no_such_way(web: Web) -> None:
    assert "/login/oidc" not in web.client().get("/login").text
    assert web.client().get("/login/oidc").headers["location"] == "/login"
    assert web.client().get("/login/oidc/callback?code=x&state=y").headers["location"] == "/login"
