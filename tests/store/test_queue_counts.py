"""Counters against a count by hand, after random work by random people on a moving clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import queue, tables
from store.engine import Database
from tests.conftest import Clock
from tests.factories import Scene, scene


def brute_counts(session: Session, clock: Clock) -> dict[str, int]:
    rows = session.scalars(select(tables.Assignment).join(tables.Queue).where(tables.Queue.kind == "annotate")).all()
    states = Counter("expired" if _expired(row, clock) else row.state for row in rows)
    per_item: dict[int, list[str]] = {}
    for row in rows:
        per_item.setdefault(row.item_id, []).append(row.state)
    finished = ("submitted", "set_aside")
    return {
        **{name: states[name] for name in ("open", "claimed", "expired", "submitted", "set_aside", "passed")},
        "slots": len(rows),
        "items": len(per_item),
        "items_done": sum(all(state in finished for state in states_) for states_ in per_item.values()),
        "flagged": sum(row.flagged for row in rows),
        "cannot_judge": 0,  # nobody of these says so; ``test_step_reviews`` has who does
    }


def _expired(row: tables.Assignment, clock: Clock) -> bool:
    return row.state == "claimed" and row.deadline is not None and row.deadline <= clock.moment


def brute_causes(session: Session, clock: Clock, user: int) -> dict[str, int]:
    rows = session.scalars(select(tables.Assignment).join(tables.Queue).where(tables.Queue.kind == "annotate")).all()
    declined = {
        session.get_one(tables.Assignment, row.assignment_id).item_id
        for row in session.scalars(select(tables.Decline).where(tables.Decline.user_id == user))
    }
    touched = {row.item_id for row in rows if row.holder_id == user}
    causes: Counter[str] = Counter()
    for row in rows:
        if row.state in ("submitted", "set_aside"):
            causes[row.state] += 1
        elif row.state == "claimed" and row.holder_id == user:
            causes["held_by_you"] += 1
        elif row.state == "claimed" and not _expired(row, clock):
            causes["held_by_others"] += 1
        elif row.item_id in declined:
            causes["declined_by_you"] += 1
        elif row.item_id in touched:
            causes["yours_already"] += 1
        else:
            causes["available"] += 1
    return dict(causes)


def act(session: Session, made: Scene, chance: random.Random) -> None:
    user = chance.choice(made.users)
    held = queue.claim_next(session, user, made.project_id, ahead=chance.random() < 0.3)
    if held is None:
        return
    actions: list[Callable[[], object]] = [
        lambda: queue.submit(session, held.assignment_id, held.token),
        lambda: queue.release(session, held.assignment_id, held.token),
        lambda: queue.skip(session, held.assignment_id, held.token, user, "x"),
        lambda: queue.flag(session, held.assignment_id, held.token, user, "x"),
        lambda: queue.extend(session, held.assignment_id, held.token),
        lambda: None,
        lambda: None,
    ]
    chance.choice(actions)()


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_a_count_by_hand(db: Database, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    with db.write() as session:
        made = scene(session, n_items=12, n_users=4, overlap=2, lease_seconds=100)
    for step in range(40):
        clock.forward(chance.choice([0, 1, 30, 120]))
        with db.write() as session:
            act(session, made, chance)
        with db.read() as session:
            assert queue.counts(session, made.project_id) == brute_counts(session, clock)
            for user in made.users:
                found = queue.why_empty(session, made.project_id, user)
                by_hand = brute_causes(session, clock, user)
                assert {name: count for name, count in found.items() if count} == by_hand
        with db.write() as session:
            user = made.users[step % 4]
            found = queue.why_empty(session, made.project_id, user)
            claimable = queue.claim_next(session, user, made.project_id) is not None
            session.rollback()
        assert claimable == bool(found["available"] or found["held_by_you"])


def test_items_without_an_answer_or_a_slot_are_counted_apart(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3, queued=False)
        queue.enqueue_output(session, made.project_id, made.outputs[0], priority=1)
        session.add(tables.Item(project_id=made.project_id, external_id="new", prompt="?"))
    with db.read() as session:
        found = queue.why_empty(session, made.project_id, made.users[0])
    assert (found["available"], found["unanswered"], found["not_queued"]) == (1, 1, 2)


def test_waiting_lists_open_slots_by_priority_with_their_risk(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3)
        session.add(tables.Risk(output_id=made.outputs[1], value=0.75, method="m", version="1", calibrated=True))
        queue.claim_next(session, made.users[0], made.project_id)
    with db.read() as session:
        rows = queue.waiting(session, made.project_id, 10)
        assert len(queue.waiting(session, made.project_id, 1)) == 1
    assert [(row.item_id, row.risk, row.calibrated) for row in rows] == [
        (made.items[1], 0.75, True),
        (made.items[2], None, False),
    ]
