"""People who judge the same answer differently bring it before the experts, once, and without their names."""

from __future__ import annotations

from sqlalchemy import select

from store import queue, reviews
from store.engine import Database
from store.tables import Assignment, Project, Queue
from tests.factories import Scene, review_of, scene


def _review(db: Database, made: Scene, user: int, verdict: str) -> None:
    with db.write() as session:
        got = queue.claim_item(session, user, made.project_id, made.items[0])
        assert got is not None
        reviews.submit(session, review_of(got, user, verdict), None, got.token)


def _expert_slots(db: Database, made: Scene) -> list[Assignment]:
    with db.read() as session:
        query = select(Assignment).join(Queue, Queue.id == Assignment.queue_id).where(Queue.kind == "expert")
        return list(session.scalars(query.where(Queue.project_id == made.project_id)))


def test_a_second_opinion_that_differs_goes_to_the_experts_once(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=3, overlap=3)
    _review(db, made, made.users[0], "faulty")
    assert _expert_slots(db, made) == [], "one opinion is no disagreement"
    _review(db, made, made.users[1], "acceptable")
    (slot,) = _expert_slots(db, made)
    assert slot.reason == "People disagree on this answer: 1 found it faulty and 1 found it acceptable."
    assert slot.output_id == made.outputs[0] and slot.state == "open"
    _review(db, made, made.users[2], "faulty")
    (slot,) = _expert_slots(db, made)
    assert slot.reason is not None and slot.reason.startswith("People disagree on this answer: 2 found it faulty")


def test_agreement_cannot_judge_and_a_project_that_does_not_want_it_ask_nobody(db: Database) -> None:
    with db.write() as session:
        agreed = scene(session, n_items=1, n_users=3, overlap=3)
        off = scene(session, n_items=1, n_users=2, overlap=2)
        session.get_one(Project, off.project_id).settings = {"disagreements": "off"}
    for user, verdict in zip(agreed.users, ("faulty", "cannot_judge", "faulty"), strict=True):
        _review(db, agreed, user, verdict)
    for user, verdict in zip(off.users, ("faulty", "acceptable"), strict=True):
        _review(db, off, user, verdict)
    assert _expert_slots(db, agreed) == _expert_slots(db, off) == []


def test_what_experts_decide_among_themselves_asks_no_further_expert(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=3, overlap=2)
    _review(db, made, made.users[0], "faulty")
    _review(db, made, made.users[1], "acceptable")
    with db.write() as session:
        got = queue.claim_next(session, made.users[2], made.project_id, "expert")
        assert got is not None
        reviews.submit(session, review_of(got, made.users[2], "acceptable"), None, got.token)
    assert [slot.state for slot in _expert_slots(db, made)] == ["submitted"]
