"""Continuations are kept once, found again by their state, and add up to soft labels with intervals."""

from __future__ import annotations

import pytest

from core.types import QueueKind
from store import outputs, projects, queue, rollouts, tables
from store.engine import Database
from store.outputs import NewRollout
from store.rollouts import Place
from tests.factories import Scene, scene

STEPS = ("one", "two", "three", "four")


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2)


def test_places() -> None:
    inside = Place.of(7, STEPS, ("one", "two"))
    assert (inside.common, inside.further) == (2, ())
    outside = Place.of(7, STEPS, ("one", "2", "three"))
    assert (outside.common, outside.further) == (1, ("2", "three"))
    keys = {
        place.key("m", 0) for place in (inside, outside, Place.of(7, STEPS, ("one",)), Place.of(8, STEPS, ("one",)))
    }
    assert len(keys) == 4 and inside.key("m", 0) != inside.key("other", 0)


def test_kept_once_and_found_again(db: Database, made: Scene) -> None:
    place, other = Place(made.outputs[0], 2), Place(made.outputs[0], 1, ("else",))
    for expected in (2, 0):
        with db.write() as session:
            output = outputs.get(session, made.outputs[0])
            new = [(0, "so 4", "4", True), (1, "so 5", "5", False)]
            assert rollouts.add(session, output, place, "m", new) == expected
            rollouts.add(session, output, other, "m", [(0, "so 6", "6", False)])
    with db.read() as session:
        assert [(row.text, row.outcome, row.prefix_steps) for row in rollouts.kept(session, place, "m")] == [
            ("so 4", True, 2),
            ("so 5", False, 2),
        ]
        assert [(row.text, row.prefix_steps) for row in rollouts.kept(session, other, "m")] == [("else\nso 6", 1)]
        assert rollouts.kept(session, place, "another model") == []


def test_soft_labels_hold_k_and_interval_and_leave_detours_out(db: Database, made: Scene) -> None:
    first = made.outputs[0]
    with db.write() as session:
        output = outputs.get(session, first)
        rollouts.add(session, output, Place(first, 1), "m", [(n, "x", "4", n < 2) for n in range(8)])
        rollouts.add(session, output, Place(first, 1, ("else",)), "m", [(n, "x", "4", True) for n in range(8)])
        rollouts.add(session, output, Place(first, 3), "m", [(n, "x", None, False) for n in range(8)])
        sample = NewRollout(output.item_id, "x", "m", first, effect_key=f"output:{first}:sample:0")
        outputs.add_rollouts(session, [sample])
        (row,) = rollouts.kept(session, Place(first, 0), "m")
        assert row.outcome is None
        rollouts.compare(session, row.id, True)
        rollouts.note_outcome(session, output, False)
        rollouts.note_outcome(session, output, False)
    with db.read() as session:
        found = rollouts.labels(session, first)
        assert [(label.prefix_steps, label.n, label.successes) for label in found] == [(0, 1, 1), (1, 8, 2), (3, 8, 0)]
        assert found[1].mc == 0.25 and (round(found[1].low, 3), round(found[1].high, 3)) == (0.071, 0.591)
        known = rollouts.found(session, first)
        assert known is not None and (known.mc, known.wrong, known.searches) == (1.0, True, 1)
        assert rollouts.found(session, made.outputs[1]) is None


def experts(db: Database, made: Scene) -> list[tables.Assignment]:
    with db.read() as session:
        line = projects.queue_of(session, made.project_id, QueueKind.EXPERT)
        query = session.query(tables.Assignment).filter_by(queue_id=line.id).order_by(tables.Assignment.id)
        return list(query)


def dispute(db: Database, made: Scene, output: int, reason: str = "Critics disagree.") -> int | None:
    with db.write() as session:
        return queue.dispute(session, made.project_id, output, reason=reason, priority=0.7)


def test_a_dispute_opens_one_slot_with_its_reason(db: Database, made: Scene) -> None:
    first = dispute(db, made, made.outputs[0])
    assert dispute(db, made, made.outputs[0], "They still do.") == first
    (slot,) = experts(db, made)
    assert (slot.state, slot.reason, slot.priority, slot.flagged) == ("open", "They still do.", 0.7, False)
    with db.read() as session:
        assert queue.counts(session, made.project_id)["open"] == 2, "annotators keep the item"


def test_a_dispute_takes_nothing_out_of_anybodys_hands(db: Database, made: Scene) -> None:
    dispute(db, made, made.outputs[0])
    with db.write() as session:
        held = queue.claim_next(session, made.users[0], made.project_id, QueueKind.EXPERT)
    assert held is not None
    assert dispute(db, made, made.outputs[0], "Again.") is None
    assert [(slot.state, slot.reason) for slot in experts(db, made)] == [("claimed", "Critics disagree.")]
    with db.write() as session:
        queue.submit(session, held.assignment_id, held.token)
    assert dispute(db, made, made.outputs[0], "Again.") is None, "an expert has decided on this answer"
    with db.write() as session:
        old = outputs.get(session, made.outputs[0])
        later = outputs.add(session, outputs.NewOutput(item_id=old.item_id, text="It is 9.", model="m")).id
    assert dispute(db, made, later, "A new answer.") is not None
    assert [slot.state for slot in experts(db, made)] == ["submitted", "open"]


def test_an_open_slot_moves_to_the_newer_answer(db: Database, made: Scene) -> None:
    first = dispute(db, made, made.outputs[0])
    with db.write() as session:
        old = outputs.get(session, made.outputs[0])
        later = outputs.add(session, outputs.NewOutput(item_id=old.item_id, text="It is 9.", model="m")).id
    assert dispute(db, made, later) == first
    assert [slot.output_id for slot in experts(db, made)] == [later]
    assert dispute(db, made, made.outputs[0]) is None, "an older answer does not take the slot back"
