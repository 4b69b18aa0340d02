"""Drafts and claims over HTTP: who may, what is refused, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.auth import Person
from core.types import Role
from store import drafts, queue, users
from store.tables import Assignment
from tests.app.conftest import Web
from tests.browser import seeding

WORDS = {"text": "Start over from scratch.", "scope": "skill", "dependency": "last"}


@pytest.fixture
def seeded(web: Web) -> seeding.Seeded:
    return seeding.project(web.db, [seeding.ANSWER] * 2)


def person(web: Web, name: str) -> Person:
    with web.db.read() as session:
        user = users.by_name(session, name)
    assert user is not None
    return Person(user.id, user.name, Role(user.role))


def claimed(web: Web, seeded: seeding.Seeded, name: str) -> tuple[TestClient, queue.Claim]:
    client = web.client(name)
    with web.db.write() as session:
        claim = queue.claim_next(session, person(web, name).id, seeded.project_id)
    assert claim is not None
    return client, claim


def put(client: TestClient, assignment: int, revision: int, body: dict[str, Any]) -> Any:
    return client.put(f"/api/v1/drafts/{assignment}", json={"revision": revision, "token": "t", "body": body})


def test_a_draft_is_kept_and_the_last_revision_wins(web: Web, seeded: seeding.Seeded) -> None:
    bob, claim = claimed(web, seeded, "bob")
    first = put(bob, claim.assignment_id, 2, WORDS)
    assert first.status_code == 200
    assert first.json()["revision"] == 2
    assert first.json()["handling"]["dependency"] == "restart"
    assert put(bob, claim.assignment_id, 1, {"text": "older"}).json()["revision"] == 2
    with web.db.read() as session:
        draft = drafts.load(session, claim.assignment_id, person(web, "bob").id)
    assert draft is not None and draft.body["text"] == WORDS["text"]


def test_half_an_emoji_does_not_keep_a_draft_from_being_saved(web: Web, seeded: seeding.Seeded) -> None:
    bob, claim = claimed(web, seeded, "bob")
    sent = '{"revision": 1, "token": "t", "body": {"text": "cut \\ud83d here\\u0000", "alternatives": [[1, "\\udc00", null]]}}'
    kept = bob.put(f"/api/v1/drafts/{claim.assignment_id}", content=sent, headers={"content-type": "application/json"})
    assert kept.status_code == 200
    with web.db.read() as session:
        draft = drafts.load(session, claim.assignment_id, person(web, "bob").id)
    assert (
        draft is not None and draft.body["text"] == "cut \ufffd here" and draft.body["alternatives"][0][1] == "\ufffd"
    )


def test_what_a_person_chose_is_not_proposed_over(web: Web, seeded: seeding.Seeded) -> None:
    bob, claim = claimed(web, seeded, "bob")
    assert put(bob, claim.assignment_id, 1, {**WORDS, "handled": True}).json()["handling"] is None
    assert put(bob, claim.assignment_id, 2, {"text": "  "}).json()["handling"] is None


def test_drafts_of_others_and_of_nothing_are_refused(web: Web, seeded: seeding.Seeded) -> None:
    _, claim = claimed(web, seeded, "bob")
    eve = web.client("eve")
    assert put(eve, claim.assignment_id, 1, WORDS).status_code == 403
    assert put(eve, 10**6, 1, WORDS).status_code == 404
    assert put(web.client(), claim.assignment_id, 1, WORDS).status_code == 401


def test_who_lost_an_item_may_still_save_what_they_typed(web: Web, seeded: seeding.Seeded, clock: Any) -> None:
    bob, claim = claimed(web, seeded, "bob")
    clock.forward(3600)
    _, taken = claimed(web, seeded, "eve")
    assert taken.assignment_id == claim.assignment_id
    assert put(bob, claim.assignment_id, 5, WORDS).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"revision": 0, "body": {}},
        {"revision": 1},
        {"revision": 1, "body": {"text": "x" * 20_001}},
        {"revision": 1, "body": {"first_wrong_step": -1}},
        {"revision": 1, "body": {"scope": "universe"}},
        {"revision": 1, "body": {"fine": ["a"]}},
    ],
)
def test_a_body_that_is_no_draft_is_refused(web: Web, seeded: seeding.Seeded, body: dict[str, Any]) -> None:
    bob, claim = claimed(web, seeded, "bob")
    assert bob.put(f"/api/v1/drafts/{claim.assignment_id}", json=body).status_code == 422


@pytest.mark.parametrize("path", ["drafts/1", "claims/1/heartbeat", "claims/1/release"])
def test_another_sites_request_is_refused(web: Web, seeded: seeding.Seeded, path: str) -> None:
    bob, claim = claimed(web, seeded, "bob")
    method = "PUT" if path.startswith("drafts") else "POST"
    body = {"revision": 1, "body": {}, "token": claim.token}
    refused = bob.request(method, f"/api/v1/{path}", json=body, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403


def test_the_heartbeat_extends_the_lease(web: Web, seeded: seeding.Seeded, clock: Any) -> None:
    bob, claim = claimed(web, seeded, "bob")
    clock.forward(600)
    beat = bob.post(f"/api/v1/claims/{claim.assignment_id}/heartbeat", json={"token": claim.token})
    assert beat.status_code == 200
    assert beat.json()["deadline"] > claim.deadline.isoformat()
    clock.forward(600)
    with web.db.write() as session:
        other = queue.claim_next(session, person(web, "bob").id, seeded.project_id)
    assert other is not None and other.assignment_id == claim.assignment_id


def test_a_lost_claim_is_a_conflict_that_says_why(web: Web, seeded: seeding.Seeded, clock: Any) -> None:
    bob, claim = claimed(web, seeded, "bob")
    clock.forward(3600)
    claimed(web, seeded, "eve")
    for what in ("heartbeat", "release"):
        lost = bob.post(f"/api/v1/claims/{claim.assignment_id}/{what}", json={"token": claim.token})
        assert lost.status_code == 409
        assert "somebody else" in lost.json()["detail"]


def test_release_gives_the_item_back(web: Web, seeded: seeding.Seeded) -> None:
    bob, claim = claimed(web, seeded, "bob")
    assert bob.post(f"/api/v1/claims/{claim.assignment_id}/release", json={"token": claim.token}).status_code == 204
    with web.db.read() as session:
        assert session.get_one(Assignment, claim.assignment_id).state == "open"


def test_a_stolen_token_is_of_no_use_to_another_person(web: Web, seeded: seeding.Seeded) -> None:
    _, claim = claimed(web, seeded, "bob")
    eve = web.client("eve")
    for what in ("heartbeat", "release"):
        refused = eve.post(f"/api/v1/claims/{claim.assignment_id}/{what}", json={"token": claim.token})
        assert refused.status_code == 403
        assert (
            web.client().post(f"/api/v1/claims/{claim.assignment_id}/{what}", json={"token": claim.token}).status_code
            == 401
        )
    assert eve.post("/api/v1/claims/1000000/heartbeat", json={"token": "x"}).status_code == 404
    with web.db.read() as session:
        assert session.get_one(Assignment, claim.assignment_id).state == "claimed"
