"""Drafts: the last revision wins, and whoever ever held a slot may keep text for it."""

from __future__ import annotations

import pytest

from store import drafts, queue
from store.engine import Database
from tests.conftest import Clock
from tests.factories import Scene, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2, lease_seconds=60)


def claim(db: Database, made: Scene, user: int = 0) -> queue.Claim:
    with db.write() as session:
        held = queue.claim_next(session, made.users[user], made.project_id)
    assert held is not None
    return held


def save(db: Database, held: queue.Claim, user: int, text: str, revision: int) -> int:
    with db.write() as session:
        return drafts.save(session, held.assignment_id, user, {"text": text}, revision)


def text_of(db: Database, held: queue.Claim, user: int) -> str | None:
    with db.read() as session:
        draft = drafts.load(session, held.assignment_id, user)
        return None if draft is None else draft.body["text"]


def test_the_last_revision_wins_whatever_order_they_arrive_in(db: Database, made: Scene) -> None:
    held, user = claim(db, made), made.users[0]
    assert save(db, held, user, "one", 1) == 1
    assert save(db, held, user, "three", 3) == 3
    assert save(db, held, user, "two, late", 2) == 3
    assert text_of(db, held, user) == "three"
    assert save(db, held, user, "three, sent again", 3) == 3
    assert text_of(db, held, user) == "three, sent again"


def test_drafts_are_kept_per_slot_and_person(db: Database, made: Scene) -> None:
    first, second = claim(db, made, 0), claim(db, made, 1)
    save(db, first, made.users[0], "mine", 1)
    save(db, second, made.users[1], "theirs", 1)
    assert text_of(db, first, made.users[0]) == "mine"
    assert text_of(db, first, made.users[1]) is None
    assert text_of(db, second, made.users[0]) is None


def test_text_that_arrives_after_the_lease_went_is_kept(db: Database, made: Scene, clock: Clock) -> None:
    held = claim(db, made, 0)
    clock.forward(61)
    taken = claim(db, made, 1)
    assert taken.assignment_id == held.assignment_id
    save(db, held, made.users[0], "typed while it went", 1)
    save(db, taken, made.users[1], "theirs", 1)
    assert text_of(db, held, made.users[0]) == "typed while it went"
    assert text_of(db, taken, made.users[1]) == "theirs"


def test_who_never_held_it_cannot_write(db: Database, made: Scene) -> None:
    held = claim(db, made, 0)
    with pytest.raises(PermissionError):
        save(db, held, made.users[1], "x", 1)
    with pytest.raises(LookupError), db.write() as session:
        drafts.save(session, 9999, made.users[0], {}, 1)


def test_discard_and_stale(db: Database, made: Scene) -> None:
    held, user = claim(db, made), made.users[0]
    save(db, held, user, "x", 1)
    with db.write() as session:
        drafts.mark_stale(session, held.assignment_id, user)
        assert [draft.assignment_id for draft in drafts.of_user(session, user, stale=True)] == [held.assignment_id]
        assert not drafts.of_user(session, user, stale=False)
    save(db, held, user, "typed on", 2)
    with db.write() as session:
        assert not drafts.of_user(session, user, stale=True)
        drafts.discard(session, held.assignment_id, user)
        drafts.discard(session, held.assignment_id, user)
    assert text_of(db, held, user) is None


def test_hostile_characters_are_kept_as_both_databases_can(db: Database, made: Scene) -> None:
    held, user = claim(db, made), made.users[0]
    save(db, held, user, "<b>\0\ud800'; DROP TABLE draft; --", 1)
    assert text_of(db, held, user) == "<b>\ufffd'; DROP TABLE draft; --"
