"""Sub-tasks of a hard item (paper 7): annotators judge the pieces, the whole waits for an expert, who sees what came of them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.types import QueueKind
from store import items, outputs, projects, queue, reviews, subtasks, tables
from store.engine import Database
from tests.factories import ANSWER, STEPS, review_of, scene


def test_the_whole_waits_until_its_pieces_are_reviewed_and_then_comes_first(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=3, n_users=2)
        for n, output in enumerate(made.outputs):
            queue.dispute(session, made.project_id, output, reason="hard", priority=-n)
        held = queue.claim_next(session, made.users[1], made.project_id, QueueKind.EXPERT)
        assert held is not None and held.item_id == made.items[0]
        ids = subtasks.split(session, held.item_id, ["What is 3 + 4?", " ", "What is 7 + 1?"], made.users[1])
        queue.release(session, held.assignment_id, held.token)
        slot = session.get_one(tables.Assignment, held.assignment_id, populate_existing=True)
        subtasks.put_off(session, slot, len(ids))
        after = queue.claim_next(session, made.users[1], made.project_id, QueueKind.EXPERT)
        assert after is not None and after.item_id == made.items[1], "the whole went to the end of the line"
        queue.release(session, after.assignment_id, after.token)
        assert [items.get(session, one).parent_id for one in ids] == [made.items[0]] * 2
        assert [one.answer for one in subtasks.pieces(session, made.items[0])] == [None, None]
    for n, item_id in enumerate(ids):
        with db.write() as session:
            output = outputs.add(session, outputs.NewOutput(item_id, ANSWER, "test", steps=STEPS))
            queue.enqueue_output(session, made.project_id, output.id, priority=9.0)
            held = queue.claim_item(session, made.users[0], made.project_id, item_id)
            assert held is not None, "a piece is for annotators"
            reviews.submit(session, review_of(held, made.users[0]), None, held.token)
            whole = session.scalars(
                select(tables.Assignment)
                .where(tables.Assignment.id == slot.id)
                .execution_options(populate_existing=True)
            ).one()
            assert (whole.priority == subtasks.FIRST) == (n == 1)
    with db.write() as session:
        held = queue.claim_next(session, made.users[1], made.project_id, QueueKind.EXPERT)
        assert held is not None and held.item_id == made.items[0]
        found = subtasks.pieces(session, made.items[0])
    assert [(one.prompt, one.answer, one.verdict) for one in found] == [
        ("What is 3 + 4?", ANSWER, "faulty"),
        ("What is 7 + 1?", ANSWER, "faulty"),
    ]


@pytest.mark.parametrize("prompts", [[], ["one alone"], ["", " \0 "], ["x"] * 21])
def test_what_is_no_split_is_refused_and_adds_nothing(db: Database, prompts: list[str]) -> None:
    with db.write() as session:
        made = scene(session, n_items=1)
    with pytest.raises(ValueError, match="sub-tasks"), db.write() as session:
        subtasks.split(session, made.items[0], prompts, made.users[0])
    with db.write() as session:
        assert len(session.scalars(select(tables.Item)).all()) == 1
        (child, _) = subtasks.split(session, made.items[0], ["a", "b"], made.users[0])
        with pytest.raises(ValueError, match="not split again"):
            subtasks.split(session, child, ["a", "b"], made.users[0])
        assert len(subtasks.split(session, made.items[0], ["c"], made.users[0])) == 1, "one more of a split item"


@pytest.mark.parametrize(
    ("risk", "calibrated", "verdict", "sent"),
    [
        (0.95, True, "acceptable", 1),
        (0.05, True, "faulty", 1),
        (0.95, True, "faulty", 0),
        (0.95, False, "acceptable", 0),
    ],
)
def test_a_verdict_that_a_sure_risk_contradicts_goes_to_the_experts(
    db: Database, risk: float, calibrated: bool, verdict: str, sent: int
) -> None:

    with db.write() as session:
        made = scene(session, n_items=1)
        settings = projects.get(session, made.project_id).settings
        projects.update(session, made.project_id, user_id=None, settings={**settings, "contradictions": "experts"})
        session.add(tables.Risk(output_id=made.outputs[0], value=risk, method="m", version="1", calibrated=calibrated))
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        reviews.submit(session, review_of(held, made.users[0], verdict), None, held.token)
        assert queue.counts(session, made.project_id, QueueKind.EXPERT)["open"] == sent
