"""Figures of large queues are kept for a moment; those of small ones never."""

from __future__ import annotations

import threading

import pytest

from store import queue, tables
from store.engine import Database
from store.queue import kept
from tests.factories import Scene, scene


def opened(db: Database, made: Scene) -> int:
    with db.read() as session:
        return queue.counts(session, made.project_id)["open"]


def test_a_small_queue_is_counted_anew_each_time(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3)
    assert opened(db, made) == 3
    with db.write() as session:
        assert queue.claim_next(session, made.users[0], made.project_id)
    assert opened(db, made) == 2


def test_a_large_queue_is_counted_now_and_then(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LARGE", 2)
    monkeypatch.setattr(kept, "TIMES", 1e9)
    monkeypatch.setattr(kept, "monotonic", lambda: moment[0])
    moment = [100.0]
    kept.forget()
    with db.write() as session:
        made = scene(session, n_items=3)
        assert queue.counts(session, made.project_id)["open"] == 3, "what a writer sees is kept for nobody else"
    with db.write() as session:
        assert queue.claim_next(session, made.users[0], made.project_id)
    assert opened(db, made) == 2
    moment[0] += 0.001
    with db.write() as session:
        held = queue.claim_next(session, made.users[1], made.project_id)
        assert held is not None
    assert opened(db, made) == 1, "counting took no time, so that nothing was kept"
    monkeypatch.setattr(kept, "_figures", {})
    steps = iter(range(1000))
    monkeypatch.setattr(kept, "monotonic", lambda: moment[0] + next(steps))
    assert opened(db, made) == 1
    with db.write() as session:
        queue.release(session, held.assignment_id, held.token)
    assert opened(db, made) == 1, "it is kept"
    moment[0] += kept.LONGEST + 10
    assert opened(db, made) == 2, "and counted again later"
    kept.forget()


def test_one_counts_while_others_take_what_was_found_last(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LARGE", 0)
    monkeypatch.setattr(kept, "LONGEST", 0.0)
    kept.forget()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> dict[str, int]:
        begun.set()
        assert go_on.wait(20)
        return {"rows": 2}

    with db.read() as session:
        assert kept.kept(session, "x", lambda: {"rows": 1}, size="rows") == {"rows": 1}
    found: list[dict[str, int]] = []

    def other() -> None:
        with db.read() as session:
            found.append(kept.kept(session, "x", slowly, size="rows"))

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert begun.wait(20)
        with db.read() as session:
            assert kept.kept(session, "x", lambda: {"rows": 3}, size="rows") == {"rows": 1}
    finally:
        go_on.set()
        thread.join()
    assert found == [{"rows": 2}]
    kept.forget()


def test_items_with_several_slots_and_gold_ones_are_counted_rightly(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=4, overlap=2)
        slots = session.query(tables.Assignment).order_by(tables.Assignment.item_id, tables.Assignment.slot).all()
        for slot in slots:
            slot.state = "open"
        slots[0].state = slots[1].state = "submitted"
        slots[2].state, slots[3].state = "set_aside", "open"
        slots[4].state = slots[5].state = "passed"
        extra = {"queue_id": slots[0].queue_id, "item_id": made.items[3], "output_id": made.outputs[3]}
        session.add(tables.Assignment(**extra, slot=1_000_001, gold=True, state="submitted"))
    with db.read() as session:
        found = queue.counts(session, made.project_id)
        causes = queue.why_empty(session, made.project_id, made.users[0])
    assert (found["slots"], found["items"], found["items_done"]) == (8, 4, 2)
    assert (found["open"], found["submitted"], found["set_aside"], found["passed"]) == (3, 2, 1, 2)
    assert (causes["available"], causes["submitted"], causes["below_threshold"]) == (3, 2, 2)
