"""Feeds for programs, and requests under a key, on both databases."""

from __future__ import annotations

import threading

import pytest

from store import idempotency, listing
from store.engine import Database
from store.tables import Review, User
from tests.conftest import Clock
from tests.factories import build, scene


def test_a_feed_skips_nothing_that_is_still_being_written(db: Database, clock: Clock) -> None:
    """On PostgreSQL a later id may be seen before an earlier one: the newest seconds are held back there."""
    with db.write() as session:
        made = scene(session, n_items=1)
        ids = [build(session, Review, output_id=made.outputs[0], user_id=user).id for user in made.users]
    with db.read() as session:
        at_once = [row[0].id for row in listing.reviews(session, made.project_id)]
    assert at_once == ([] if db.dialect == "postgresql" else ids)
    clock.forward(3)
    with db.read() as session:
        assert [row[0].id for row in listing.reviews(session, made.project_id)] == ids
        assert [row[0].id for row in listing.reviews(session, made.project_id, after=ids[0])] == ids[1:]
        assert listing.reviews(session, made.project_id, output_ids=[made.outputs[0] + 99]) == []
        assert listing.reviews(session, made.project_id + 1) == []


def test_two_requests_under_one_key_at_once_have_one_effect(db: Database) -> None:
    with db.write() as session:
        user = build(session, User).id
    effects: list[int] = []
    answers: list[object] = []

    def send(number: int) -> None:
        with db.write() as session:
            known = idempotency.begin(session, user, "k", "a" * 64)
            if known is None:
                effects.append(number)
                idempotency.finish(session, user, "k", 201, {"by": number})
                answers.append({"by": number})
            else:
                answers.append(known.answer)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(effects) == 1 and answers == [{"by": effects[0]}] * 6


def test_a_key_is_for_one_request_of_one_person_and_for_a_week(db: Database, clock: Clock) -> None:
    with db.write() as session:
        ann, bob = build(session, User).id, build(session, User).id
        assert idempotency.begin(session, ann, "k", "a" * 64) is None
        assert idempotency.begin(session, bob, "k", "b" * 64) is None
        with pytest.raises(idempotency.KeyReused, match="new key"):
            idempotency.begin(session, ann, "k", "c" * 64)
    clock.forward(8 * 86_400)
    with db.write() as session:
        assert idempotency.begin(session, ann, "k", "c" * 64) is None
