"""The list of what waits: in order, by pages, narrowed by words and risk, in few statements."""

from __future__ import annotations

import pytest

from store import queue, tables
from store.engine import Database
from tests.factories import Scene, build, scene
from tests.store.test_plans import recorded


@pytest.fixture
def made(db: Database) -> Scene:
    """Twelve slots, the first ones most urgent; two draws of the audit slice; two of one priority."""
    with db.write() as session:
        made = scene(session, n_items=12)
        for number, output in enumerate(made.outputs):
            build(session, tables.Risk, output_id=output, value=1 - number / 12)
        slots = session.query(tables.Assignment).order_by(tables.Assignment.id).all()
        slots[4].priority = slots[5].priority
        for drawn in slots[10:]:
            drawn.audit, drawn.priority = True, -drawn.id / 100
    return made


def test_pages_follow_each_other_and_draws_come_last(db: Database, made: Scene) -> None:
    with db.read() as session:
        whole = [row.assignment_id for row in queue.waiting(session, made.project_id, 50)]
        assert len(whole) == 12 and [row.item_id for row in queue.waiting(session, made.project_id, 12)] == made.items
        seen: list[int] = []
        while page := queue.waiting(session, made.project_id, 5, after=seen[-1] if seen else 0):
            seen += [row.assignment_id for row in page]
    assert seen == whole


def test_a_page_begins_where_the_last_one_ended_although_its_last_slot_was_claimed(db: Database, made: Scene) -> None:
    with db.write() as session:
        first = queue.waiting(session, made.project_id, 1)
        assert queue.claim_next(session, made.users[0], made.project_id).assignment_id == first[0].assignment_id  # type: ignore[union-attr]
        after = queue.waiting(session, made.project_id, 1, after=first[0].assignment_id)
    assert after[0].item_id == made.items[1]


def test_words_and_risk_narrow_it(db: Database, made: Scene) -> None:
    with db.read() as session:
        assert [row.item_id for row in queue.waiting(session, made.project_id, words=" TIME 7?")] == [made.items[7]]
        assert [row.item_id for row in queue.waiting(session, made.project_id, words="i11")] == [made.items[11]]
        assert queue.waiting(session, made.project_id, words="100%_\\") == []
        risky = queue.waiting(session, made.project_id, least_risk=0.7)
    assert [row.item_id for row in risky] == made.items[:4] and all((row.risk or 0) >= 0.7 for row in risky)


def test_a_page_takes_four_statements_at_most(db: Database, made: Scene) -> None:
    with db.read() as session, recorded(session) as seen:
        queue.waiting(session, made.project_id, 50, words="time", least_risk=0.1, after=1)
    assert len(seen) <= 4
