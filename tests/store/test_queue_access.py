"""Access: anybody, assigned, in turn; who leaves gives theirs back; claims of each kind are served by an index."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import and_, select, text

from core.types import QueueKind
from store import audit, projects, queue, tables
from store.engine import Database
from store.queue.claims import _allowed, candidate
from tests.factories import Scene, scene


def made_for(db: Database, n_items: int = 6, n_users: int = 3, **settings: object) -> Scene:
    with db.write() as session:
        return scene(session, n_items=n_items, n_users=n_users, **settings)  # type: ignore[arg-type]


def claim(db: Database, made: Scene, user: int) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim_next(session, made.users[user], made.project_id)


def everything(db: Database, made: Scene, user: int) -> list[int]:
    """Items that a person gets, submitting each."""
    got = []
    while (held := claim(db, made, user)) is not None:
        with db.write() as session:
            queue.submit(session, held.assignment_id, held.token)
        got.append(held.item_id)
    return got


def line_of(session, made: Scene) -> tables.Queue:  # type: ignore[no-untyped-def]
    return projects.queue_of(session, made.project_id)


def test_assigned_items_go_to_whom_they_were_assigned_and_evenly(db: Database) -> None:
    made = made_for(db, access="assigned")
    assert claim(db, made, 0) is None
    with db.write() as session:
        assert queue.assign(session, line_of(session, made), made.users[:2], by=None) == 6
        assert queue.assign(session, line_of(session, made), made.users[:2], by=None) == 0, "each slot is assigned once"
        found = queue.why_empty(session, made.project_id, made.users[2])
    assert found["assigned_to_others"] == 6 and not found["available"]
    first, second = everything(db, made, 0), everything(db, made, 1)
    assert len(first) == len(second) == 3 and not set(first) & set(second)
    assert claim(db, made, 2) is None


def test_assigning_follows_its_filters(db: Database) -> None:
    made = made_for(db, access="assigned")
    with db.write() as session:
        session.add(tables.Risk(output_id=made.outputs[4], value=0.9, method="m", version="1"))
        line = line_of(session, made)
        assert queue.assign(session, line, made.users[:1], by=None, words="time 3") == 1
        assert queue.assign(session, line, made.users[:1], by=None, words="100%_'") == 0
        assert queue.assign(session, line, made.users[:1], by=None, least_risk=0.8) == 1
        assert queue.assign(session, line, made.users[:1], by=None, limit=2) == 2
        with pytest.raises(ValueError, match="at least one person"):
            queue.assign(session, line, [], by=None)
        with pytest.raises(ValueError, match="no such person"):
            queue.assign(session, line, [10**9], by=None)
        found = queue.why_empty(session, made.project_id, made.users[0])
    assert (found["available"], found["assigned_to_nobody"]) == (4, 2)


def test_slots_are_dealt_in_turn_and_no_person_gets_two_of_an_item(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=6, n_users=3, overlap=2, access="round_robin", queued=False)
        for user in made.users:
            queue.join(session, line_of(session, made), user, None)
        for n, output in enumerate(made.outputs):
            queue.enqueue_output(session, made.project_id, output, priority=-n)
        slots = session.scalars(select(tables.Assignment)).all()
        assert Counter(slot.assignee_id for slot in slots) == dict.fromkeys(made.users, 4)
        pairs = Counter((slot.item_id, slot.assignee_id) for slot in slots)
    assert max(pairs.values()) == 1


def test_who_leaves_gives_theirs_back_and_keeps_what_was_finished(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=6, n_users=3, access="round_robin", queued=False)
        for user in made.users:
            queue.join(session, line_of(session, made), user, None)
        for n, output in enumerate(made.outputs):
            queue.enqueue_output(session, made.project_id, output, priority=-n)
    done = claim(db, made, 0)
    assert done is not None
    with db.write() as session:
        queue.submit(session, done.assignment_id, done.token)
    held = claim(db, made, 0)
    assert held is not None
    with db.write() as session:
        assert queue.leave_queue(session, line_of(session, made), made.users[0], made.users[1]) == 1
    with pytest.raises(queue.LostClaim), db.write() as session:
        queue.submit(session, held.assignment_id, held.token)
    assert claim(db, made, 0) is None
    assert len(everything(db, made, 1)) + len(everything(db, made, 2)) == 5, "nothing is stranded with who left"
    with db.read() as session:
        kept = session.get_one(tables.Assignment, done.assignment_id)
        assert (kept.state, kept.holder_id) == ("submitted", made.users[0])
        assert "queue.leave" in {event.action for event in audit.page(session, limit=50)}


def test_an_assigned_item_that_is_skipped_is_no_longer_theirs(db: Database) -> None:
    made = made_for(db, n_items=1, access="assigned")
    with db.write() as session:
        queue.assign(session, line_of(session, made), made.users[:1], by=None)
    held = claim(db, made, 0)
    assert held is not None
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[0], "not mine")
        assert queue.why_empty(session, made.project_id, made.users[0])["declined_by_you"] == 1
        assert queue.assign(session, line_of(session, made), made.users[:1], by=None) == 0, "they declined it"
        assert queue.assign(session, line_of(session, made), made.users[1:2], by=None) == 1
    assert everything(db, made, 1) == made.items


def test_a_dealt_item_that_is_skipped_goes_to_the_next_in_turn(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=2, access="round_robin", queued=False)
        for user in made.users:
            queue.join(session, line_of(session, made), user, None)
        queue.enqueue_output(session, made.project_id, made.outputs[0], priority=1)
    first = claim(db, made, 0)
    who, other = (0, 1) if first is not None else (1, 0)
    held = first or claim(db, made, 1)
    assert held is not None
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[who], "not mine")
    assert everything(db, made, other) == made.items


def test_a_manager_can_take_an_item_out_of_somebodys_hands(db: Database) -> None:
    made = made_for(db, n_items=1)
    held = claim(db, made, 0)
    assert held is not None
    with db.write() as session:
        (row,) = queue.progress.held(session, line_of(session, made).id)
        assert (row.user_id, row.deadline) == (made.users[0], held.deadline)
        assert queue.force_release(session, held.assignment_id, made.users[1]) == made.users[0]
        with pytest.raises(ValueError, match="nobody holds"):
            queue.force_release(session, held.assignment_id, made.users[1])
    with pytest.raises(queue.LostClaim), db.write() as session:
        queue.submit(session, held.assignment_id, held.token)
    with db.read() as session:
        (event,) = [one for one in audit.page(session, limit=50) if one.action == "queue.force_release"]
    assert (event.user_id, event.old) == (made.users[1], {"holder": made.users[0]})
    assert everything(db, made, 1) == made.items


def test_a_reason_is_asked_for_where_the_queue_says_so(db: Database) -> None:
    made = made_for(db, n_items=1, reason_required=False)
    held = claim(db, made, 0)
    assert held is not None
    with db.write() as session:
        queue.skip(session, held.assignment_id, held.token, made.users[0], "")
        (skip,) = queue.progress.skips(session, line_of(session, made).id)
    assert (skip.kind, skip.reason) == ("skip", "")


@pytest.mark.parametrize(
    "bad",
    [
        {"access": "friends"},
        {"blind": "yes"},
        {"gold_share": 1.5},
        {"gold_share": float("nan")},
        {"heartbeat_seconds": 1},
        {"lease_seconds": 10**9},
        {"extra_reviews": -1},
        {"overlap": True},
        {"order_policy": "astrology"},
        {"reason_required": "no"},
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(db: Database, bad: dict[str, object]) -> None:
    made = made_for(db, n_items=1)
    (name,) = bad
    with pytest.raises(ValueError, match=name), db.write() as session:
        projects.set_queue(session, made.project_id, QueueKind.ANNOTATE, user_id=None, **bad)


@pytest.mark.parametrize(("access", "index"), [("any", "ix_assignment_claim"), ("assigned", "ix_assignment_assignee")])
def test_the_claim_of_each_access_is_served_by_an_index(db: Database, access: str, index: str) -> None:
    """The plan of the inner SELECT, on a table large enough for a database to choose."""
    made = made_for(db, n_items=400, n_users=4, access=access)
    with db.write() as session:
        if access == "assigned":
            queue.assign(session, line_of(session, made), made.users, by=None)
    with db.write() as session:
        line = line_of(session, made)
        if db.dialect == "postgresql":
            session.execute(text("ANALYZE assignment"))
            session.execute(text("SET LOCAL enable_seqscan = off"))
        ordinary = and_(tables.Assignment.state == "open", tables.Assignment.audit.is_(False))
        query = candidate(line, _allowed(line, made.users[0]), ordinary, skip_locked=False)
        compiled = query.compile(session.connection(), compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if db.dialect == "sqlite" else "EXPLAIN"
        seen = [str(row[-1]) for row in session.execute(text(f"{explain} {compiled}".replace(":", "\\:")))]
    assert any(index in line for line in seen), seen
    assert not any("TEMP B-TREE FOR ORDER BY" in line or line.strip().startswith("Sort") for line in seen), seen
