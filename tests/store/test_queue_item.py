"""One item by its id: within the rules of a claim, and with a reason in words where it is not to be had."""

from __future__ import annotations

import pytest

from core.types import RiskEstimate
from store import judgements, projects, queue, tables
from store.engine import Database
from tests.factories import Scene, scene


def claim(db: Database, made: Scene, item: int, user: int = 0) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim_item(session, made.users[user], made.project_id, made.items[item])


def why(db: Database, made: Scene, item_id: int, user: int = 0) -> str:
    with db.read() as session:
        return queue.why_not_item(session, made.users[user], made.project_id, item_id)


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=5, n_users=2, audit_share=0.0)


def test_it_is_given_out_of_turn_once_and_comes_back_to_its_holder(db: Database, made: Scene) -> None:
    got = claim(db, made, 3)
    assert got is not None and got.item_id == made.items[3]
    again = claim(db, made, 3)
    assert again is not None and again.token == got.token
    assert claim(db, made, 3, user=1) is None
    assert "Somebody else has that item" in why(db, made, made.items[3], user=1)


def test_what_is_finished_declined_set_aside_or_missing_is_told(db: Database, made: Scene) -> None:
    done, skipped = claim(db, made, 0), None
    with db.write() as session:
        assert done is not None
        queue.submit(session, done.assignment_id, done.token)
    assert claim(db, made, 0) is None and "You have reviewed that item" in why(db, made, made.items[0])
    assert claim(db, made, 0, user=1) is None and "reviewed already" in why(db, made, made.items[0], user=1)
    skipped = claim(db, made, 1)
    with db.write() as session:
        assert skipped is not None
        queue.flag(session, skipped.assignment_id, skipped.token, made.users[0], "odd")
    assert claim(db, made, 1) is None and "You skipped or flagged" in why(db, made, made.items[1])
    assert claim(db, made, 1, user=1) is None and "set aside" in why(db, made, made.items[1], user=1)
    assert "no answer here" in why(db, made, 987_654)


def test_nobody_hoards(db: Database, made: Scene) -> None:
    assert claim(db, made, 0) and claim(db, made, 1)
    assert claim(db, made, 2) is None and "You hold two other items" in why(db, made, made.items[2])
    assert claim(db, made, 2, user=1)


def test_a_random_draw_stays_one(db: Database) -> None:
    with db.write() as session:
        drawn = scene(session, n_items=2, n_users=1, audit_share=1.0)
    assert claim(db, drawn, 1) is None and "random draw" in why(db, drawn, drawn.items[1])
    with db.write() as session:
        got = queue.claim_next(session, drawn.users[0], drawn.project_id)
        assert got is not None
        held = queue.claim_item(session, drawn.users[0], drawn.project_id, got.item_id)
        assert held is not None and held.token == got.token, "who holds it already may look at it again"


def test_what_needs_nobody_is_not_given(db: Database, made: Scene) -> None:
    settings = {"only_risky": True, "risk_threshold": 0.5}
    with db.write() as session:
        judgements.save(session, made.outputs[0], risk=RiskEstimate(0.1, "m", "1", True))
        projects.update(session, made.project_id, user_id=None, settings=settings)
        assert queue.apply_threshold(session, made.project_id) == 1
    assert claim(db, made, 0) is None and "below the threshold" in why(db, made, made.items[0])


def test_a_lease_that_ran_out_is_free_for_others(db: Database, made: Scene) -> None:
    got = claim(db, made, 0)
    with db.write() as session:
        assert got is not None
        slot = session.get_one(tables.Assignment, got.assignment_id)
        slot.deadline = slot.claimed_at
    taken = claim(db, made, 0, user=1)
    assert taken is not None and taken.token != got.token
