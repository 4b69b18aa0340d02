"""Every handler and every route keeps a restricted project from those who are no members of it, and lists leave it out."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.helpers import EventData, special_args
from starlette.requests import Request
from starlette.testclient import TestClient

from app import auth
from app.pages.review import ACTIONS
from core.types import Role
from store import projects, tables, teams
from tests.app.conftest import Web
from tests.app.restricted import MARK, NUMBER, actions, attributes, dump, fill
from tests.app.test_refusals import handlers, request_of

QUERY = f"project={NUMBER}&lesson={NUMBER}&item={NUMBER}&output={NUMBER}&review={NUMBER}&export={NUMBER}&job={NUMBER}"
REVIEW = {"assignment": NUMBER, "output": NUMBER, "token": "t" * 64, "query": f"?project={NUMBER}"}


@pytest.fixture(params=[Role.ANNOTATOR, Role.EXPERT, Role.LEAD])
def stranger(web: Web, request: pytest.FixtureRequest) -> str:
    """The session of somebody who is no member, but once was: claims, drafts and lessons in there are theirs."""
    user = auth.make_user(web.db, "eve", None, request.param)
    with web.db.write() as session:
        projects.create(session, slug="open", name="Open to all", item_type="text")
        fill(session, user)
    return auth.open_session(web.state, user)


def probing(web: Web, token: str) -> gr.Request:
    request = request_of(web, token)
    scope = {**request.request.scope, "query_string": QUERY.encode()}
    return gr.Request(request=Request(scope))


def events(handler: Any) -> Iterator[EventData]:
    """What a browser can send along: with every button, every value that a button carries, all asking for the project."""
    wants = any("EventData" in str(one.annotation) for one in inspect.signature(handler.fn).parameters.values())
    given = {name: str(NUMBER) for name in attributes()} | {"chosen": str(NUMBER)}
    names = [*actions(), *ACTIONS, "similar"] if wants else [""]
    for name in names:
        numbers = REVIEW if name in ACTIONS or name == "similar" else {}
        yield EventData(None, {**given, **numbers, "action": name})  # type: ignore[arg-type]


def fills(handler: Any) -> Iterator[list[Any]]:
    """The project's number in every control; what pages remember is once empty and once the number."""
    for remembered in (None, NUMBER, {"do": "merge", "ids": [NUMBER]}, {}):
        yield [remembered if isinstance(one, gr.State) else NUMBER for one in handler.inputs]


@pytest.mark.parametrize("mount", ["/app", "/admin"])
def test_no_handler_shows_or_changes_anything_of_it(web: Web, stranger: str, mount: str) -> None:
    before = dump(web.db)
    assert any(MARK in row for rows in before.values() for row in rows)
    calls = 0
    for handler in handlers(web, mount):
        for event, values in itertools.product(events(handler), fills(handler)):
            inputs, *_ = special_args(handler.fn, values, probing(web, stranger), event)
            shown: Any = ""
            try:
                shown = handler.fn(*inputs)
                calls += 1
            except Exception as problem:
                shown = problem
            name, action = handler.fn.__qualname__, event._data["action"]  # type: ignore[attr-defined]
            assert MARK not in told(shown), (name, action)
    assert not changed(before, dump(web.db))
    assert calls > 100 or mount == "/admin"


def told(shown: Any) -> str:
    if isinstance(shown, list | tuple):
        return " ".join(told(part) for part in shown)
    return f"{shown!r} {getattr(shown, 'choices', '')} {getattr(shown, 'value', '')} {getattr(shown, '__dict__', '')}"


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows that differ and belong to the project: what a stranger does elsewhere is theirs to do."""
    differ = {name: sorted(set(before[name]) ^ set(after[name])) for name in before}
    return {name: rows for name, rows in differ.items() if any(str(NUMBER) in row for row in rows)}


def test_the_walk_would_notice(web: Web) -> None:
    """A member is shown it by the very same calls."""
    user = auth.make_user(web.db, "ann", None, Role.EXPERT)
    with web.db.write() as session:
        fill(session, user)
        team = teams.create(session, "inside", by=None)
        teams.set_people(session, team.id, [user], by=None)
        teams.set_member(session, NUMBER, "expert", by=None, team_id=team.id)
    token = auth.open_session(web.state, user)
    showing = set()
    for handler in handlers(web, "/app"):
        for event, values in itertools.product(events(handler), fills(handler)):
            inputs, *_ = special_args(handler.fn, values, probing(web, token), event)
            with contextlib.suppress(Exception):
                if MARK in told(handler.fn(*inputs)):
                    showing.add(handler.fn.__qualname__)
    assert len(showing) > 10, showing


def routes(web: Web) -> list[tuple[str, str]]:
    """Every method and path of the application that leads by a number to something, filled with the project's."""
    found = []
    for path, methods in walked(web.app.routes, ""):
        filled = re.sub(r"\{(\w+)\}", lambda found: WORDS.get(found[1], str(NUMBER)), path)
        if filled != path:
            found += [(method, filled) for method in methods]
    return found


def walked(known: list[Any], prefix: str) -> Iterator[tuple[str, set[str]]]:
    for route in known:
        path = prefix + (getattr(route, "path", None) or "")
        if getattr(route, "methods", None):
            yield path, route.methods - {"HEAD", "OPTIONS"}
        elif hasattr(route, "original_router"):
            yield from walked(route.original_router.routes, prefix)
        elif not path.startswith(("/app", "/admin", "/static")):
            yield from walked(route.routes, path)


WORDS = {"place": "0", "kind": "annotate", "learned": "critic", "name": "quality"}
BODIES: dict[str, Any] = {
    "retrieve": {"prompt": "x"},
    "exports": {"format": "sft"},
    "items": {"items": [{"external_id": "x", "prompt": "x"}]},
    "outputs": {"outputs": [{"item_id": NUMBER, "text": "x", "model": "m"}]},
    "images": {"images": []},
    "heartbeat": {"token": "t" * 64},
    "release": {"token": "t" * 64},
    "retractions": {"why": "x", "lesson_ids": [NUMBER]},
    str(NUMBER): {"name": "x", "body": {}, "revision": 5},
    "claims": {},
    "skip": {"token": "t" * 64, "reason": "x"},
    "flag": {"token": "t" * 64, "reason": "x"},
    "submit": {"token": "t" * 64, "output_id": NUMBER, "action": "accept"},
    "retry": {"token": "t" * 64, "output_id": NUMBER, "form": {"text": "x"}},
    "reask": {"token": "t" * 64, "output_id": NUMBER},
    "votes": {"token": "t" * 64, "retrieval_id": NUMBER, "vote": "used"},
    "lessons": {"kind": "rule", "text": "x", "applicability": "x"},
    "merge": {"lesson_ids": [NUMBER, NUMBER + 1], "kind": "rule", "text": "x", "applicability": "x"},
    "split": {"texts": ["x", "y"], "applicability": "x"},
    "settle": {"other_id": NUMBER, "keep": "both"},
    "retire": {"why": "x"},
    "retirement": {"confirm": True},
    "probes": {"kind": "negative", "text": "x"},
    "rules": {"name": "x", "options": {"pattern": "x"}, "says": "faulty"},
    "check": {"name": "x", "options": {"pattern": "x"}, "says": "faulty"},
    "relabel": {"why": "x"},
    "unlabel": {"why": "x"},
    "threshold": {"value": 0.1},
    "critic": {"version_id": None},
    "annotate": {"overlap": 3},
}


def test_no_route_shows_or_changes_anything_of_it(web: Web, stranger: str) -> None:
    client = TestClient(web.app, base_url="http://127.0.0.1", follow_redirects=False)
    client.cookies.set(auth.COOKIE, stranger)
    before, asked = dump(web.db), routes(web)
    assert len(asked) >= 30
    for method, path in asked:
        if "tokens" in path:
            continue  # one's own
        body = {} if method == "GET" else {"json": BODIES.get(path.rsplit("/", 1)[-1], {})}
        answer = client.request(method, path, **body)
        assert MARK not in answer.text, (method, path)
        assert answer.status_code in (403, 404, 409, 422), (method, path, answer.text)
        assert method != "GET" or answer.status_code in (403, 404), (method, path, answer.text)
    assert not changed(before, dump(web.db))
    listed = client.get("/api/v1/projects").json()["data"]
    assert [row["slug"] for row in listed] == ["open"]


def test_a_token_shows_its_owners_projects_only(web: Web, stranger: str) -> None:
    from store import tokens, users

    with web.db.write() as session:
        eve = users.by_name(session, "eve")
        assert eve is not None
        _, text = tokens.create(session, eve.id, "program", ["lessons:read", "projects:read"])
    client = web.client()
    client.headers["authorization"] = f"Bearer {text}"
    assert [row["slug"] for row in client.get("/api/v1/projects").json()["data"]] == ["open"]
    assert client.get(f"/api/v1/projects/{NUMBER}").status_code == 404
    assert client.get(f"/api/v1/projects/{NUMBER}/lessons").status_code == 404
    with web.db.write() as session:
        teams.set_member(session, NUMBER, "annotator", by=None, user_id=eve.id)
    assert client.get(f"/api/v1/projects/{NUMBER}").json()["slug"] == MARK


def test_no_handler_is_a_generator(web: Web) -> None:
    """The steps of one run apart from each other, without what ``require`` said of who asks."""
    for mount in ("/app", "/admin"):
        for handler in handlers(web, mount):
            assert not inspect.isgeneratorfunction(handler.fn) and not inspect.isasyncgenfunction(handler.fn)
            assert not inspect.iscoroutinefunction(handler.fn), handler.fn.__qualname__


def test_a_role_in_one_project_opens_what_needs_it_there_alone(web: Web) -> None:
    user = auth.make_user(web.db, "ann", None, Role.ANNOTATOR)
    with web.db.write() as session:
        mine = projects.create(session, slug="mine", name="Mine", item_type="text").id
        other = projects.create(session, slug="other", name="Other", item_type="text").id
        teams.set_member(session, mine, "lead", by=None, user_id=user)
    client = TestClient(web.app, base_url="http://127.0.0.1", follow_redirects=False)
    client.cookies.set(auth.COOKIE, auth.open_session(web.state, user))
    assert client.patch(f"/api/v1/projects/{mine}", json={"name": "Renamed"}).status_code == 200
    refused = client.patch(f"/api/v1/projects/{other}", json={"name": "Renamed"})
    assert refused.status_code == 403 and refused.json()["code"] == "missing_role"
    assert client.post("/api/v1/projects", json={"slug": "new", "name": "New"}).status_code == 403
    assert client.get("/admin/config").status_code == 200
    with web.db.read() as session:
        assert session.get_one(tables.Project, other).name == "Other"
