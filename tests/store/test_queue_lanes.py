"""The random audit slice and the threshold: who gets what, whatever the risk, and nothing is lost."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import select

from store import projects, queue, tables
from store.engine import Database
from store.queue import lanes
from tests.factories import Scene, scene


def risky(db: Database, made: Scene, values: list[float], *, calibrated: bool = True) -> None:
    with db.write() as session:
        for output_id, value in zip(made.outputs, values, strict=True):
            session.add(tables.Risk(output_id=output_id, value=value, method="m", version="1", calibrated=calibrated))
        session.flush()
        queue.set_priority(session, made.project_id, dict(zip(made.outputs, values, strict=True)))


def set_threshold(db: Database, made: Scene, threshold: float | None) -> int:
    settings = {"only_risky": threshold is not None, "risk_threshold": threshold or 0.5}
    with db.write() as session:
        projects.update(session, made.project_id, user_id=None, settings=settings)
        return queue.apply_threshold(session, made.project_id)


def take_all(db: Database, made: Scene, most: int = 10_000) -> list[tables.Assignment]:
    """What one person gets, in order, until nothing is left."""
    got = []
    with db.write() as session:
        while len(got) < most and (held := queue.claim_next(session, made.users[0], made.project_id)) is not None:
            queue.submit(session, held.assignment_id, held.token)
            got.append(session.get_one(tables.Assignment, held.assignment_id))
    return got


def test_the_draw_is_uniform_and_the_same_again() -> None:
    draws = [lanes.draw(7, item) for item in range(20_000)]
    assert draws[:50] == [lanes.draw(7, item) for item in range(50)]
    assert draws[:50] != [lanes.draw(8, item) for item in range(50)]
    for share in (0.05, 0.1, 0.5):
        assert sum(d < share for d in draws) / len(draws) == pytest.approx(share, abs=0.01)


def test_audit_items_keep_their_share_of_reviews_however_risky_the_rest_is(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "turn", random.Random(5).random)
    with db.write() as session:
        made = scene(session, n_items=400, n_users=1, audit_share=0.2)
        drawn = set(session.scalars(select(tables.Assignment.output_id).where(tables.Assignment.audit)))
    assert 40 < len(drawn) < 130
    risky(db, made, [0.01 if output in drawn else 0.99 for output in made.outputs])
    got = take_all(db, made, 150)
    assert sum(slot.audit for slot in got) / len(got) == pytest.approx(0.2, abs=0.08)


def test_the_order_of_audit_items_knows_nothing_of_risk(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "turn", lambda: 0.0)  # every claim is an audit turn
    with db.write() as session:
        made = scene(session, n_items=60, n_users=1, audit_share=0.5)
        queue_id = projects.queue_of(session, made.project_id).id
    risky(db, made, [k / 60 for k in range(60)])
    got = take_all(db, made)
    audits = [slot.item_id for slot in got if slot.audit]
    assert [slot.audit for slot in got] == [True] * len(audits) + [False] * (60 - len(audits))
    assert audits == sorted(audits, key=lambda item: lanes.draw(queue_id, item))
    rest = [made.items.index(slot.item_id) for slot in got if not slot.audit]
    assert rest == sorted(rest, reverse=True), "the others come by risk"


def test_a_later_attempt_and_more_overlap_keep_the_side_of_an_item(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, audit_share=1.0)
        again = tables.Output(item_id=made.items[0], attempt=2, text="7", model="test")
        session.add(again)
        projects.set_queue(session, made.project_id, "annotate", user_id=None, overlap=2, audit_share=0.0)
        session.flush()
        queue.enqueue_output(session, made.project_id, again.id, priority=0.9)
        slots = session.scalars(select(tables.Assignment)).all()
        assert [(slot.audit, slot.output_id, slot.priority < 0) for slot in slots] == [(True, again.id, True)] * 2


def test_another_share_draws_anew_among_untouched_items_alone(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=30, audit_share=0.0)
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        with pytest.raises(ValueError, match="between 0 and 1"):
            projects.set_queue(session, made.project_id, "annotate", user_id=None, audit_share=1.5)
        projects.set_queue(session, made.project_id, "annotate", user_id=None, audit_share=1.0)
        assert queue.redraw_audit(session, made.project_id) == 29
        assert not session.get_one(tables.Assignment, held.assignment_id).audit
        projects.set_queue(session, made.project_id, "annotate", user_id=None, audit_share=0.0)
        assert queue.redraw_audit(session, made.project_id) == 29
        back = [s.priority for s in session.scalars(select(tables.Assignment)) if s.id != held.assignment_id]
        assert back == pytest.approx([0.5] * 29, abs=1e-5)


def test_only_what_is_at_or_above_the_threshold_is_served_and_the_audit_slice(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=40, n_users=1, audit_share=0.25)
        drawn = set(session.scalars(select(tables.Assignment.output_id).where(tables.Assignment.audit)))
    values = [round(k / 40, 3) for k in range(40)]
    risky(db, made, values)
    assert 0 < len(drawn) < 30
    moved = set_threshold(db, made, 0.5)
    below = {o for o, v in zip(made.outputs, values, strict=True) if v < 0.5} - drawn
    assert moved == len(below)
    with db.read() as session:
        assert queue.counts(session, made.project_id)["passed"] == len(below)
        assert queue.lane_counts(session, made.project_id) == {
            "risky": 40 - len(below) - len(drawn),
            "audit": len(drawn),
            "passed": len(below),
        }
    got = take_all(db, made)
    assert {slot.output_id for slot in got} == set(made.outputs) - below
    with db.read() as session:
        causes = queue.why_empty(session, made.project_id, made.users[0])
    assert (causes["below_threshold"], causes["available"]) == (len(below), 0)
    assert set_threshold(db, made, None) == len(below), "none is lost"
    assert {slot.output_id for slot in take_all(db, made)} == below


def test_a_threshold_moves_both_ways_and_follows_a_new_risk(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3, n_users=1)
    risky(db, made, [0.2, 0.5, 0.8])
    assert set_threshold(db, made, 0.5) == 1  # a risk equal to the threshold goes to people
    assert set_threshold(db, made, 0.1) == 1
    assert set_threshold(db, made, 0.9) == 3
    with db.write() as session:
        risk = session.scalars(select(tables.Risk).where(tables.Risk.output_id == made.outputs[0])).one()
        risk.value = 0.95
        session.flush()
        assert queue.set_priority(session, made.project_id, {made.outputs[0]: 0.95}) == 1
    assert [slot.output_id for slot in take_all(db, made)] == [made.outputs[0]]


def test_an_uncalibrated_risk_lets_nothing_pass(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=2, n_users=1)
    risky(db, made, [0.1, 0.2], calibrated=False)
    assert set_threshold(db, made, 0.5) == 0
    assert len(take_all(db, made)) == 2


def test_a_new_output_passes_when_it_is_put_before_people_and_a_held_one_stays(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=2, n_users=1, queued=False)
    risky(db, made, [0.1, 0.9])
    set_threshold(db, made, 0.5)
    with db.write() as session:
        for output_id, value in zip(made.outputs, (0.1, 0.9), strict=True):
            queue.enqueue_output(session, made.project_id, output_id, priority=value)
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None and held.output_id == made.outputs[1]
        assert queue.counts(session, made.project_id)["passed"] == 1
    set_threshold(db, made, 0.95)
    with db.read() as session:
        assert session.get_one(tables.Assignment, held.assignment_id).state == "claimed"


def test_the_expert_queue_has_neither(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=1, audit_share=1.0)
    risky(db, made, [0.1])
    set_threshold(db, made, 0.9)
    with db.write() as session:
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        flagged = queue.flag(session, held.assignment_id, held.token, made.users[0], "hard")
        assert flagged is not None
        slot = session.get_one(tables.Assignment, flagged)
        assert (slot.audit, slot.state) == (False, "open")


def test_the_list_of_what_waits_does_not_tell_the_draws(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=20, audit_share=0.5)
        drawn = set(session.scalars(select(tables.Assignment.output_id).where(tables.Assignment.audit)))
        listed = [row.output_id for row in queue.waiting(session, made.project_id, 20)]
    assert set(listed) == set(made.outputs)
    assert set(listed[: 20 - len(drawn)]).isdisjoint(drawn)
