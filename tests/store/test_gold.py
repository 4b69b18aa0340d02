"""Gold items: mixed in at a rate, once a person, out of every count and export; who gets too many wrong is told or paused."""

from __future__ import annotations

import pytest

from core.queues import FEWEST_GOLD
from core.types import Verdict
from store import export_records, projects, queue, reviews, tables
from store.engine import Database
from tests.conftest import Clock
from tests.factories import Scene, review_of, scene

N = 8


def with_gold(db: Database, **settings: object) -> Scene:
    """Eight answers that an expert decided to be faulty, as gold items, and two ordinary ones; claims get gold while there is some."""
    with db.write() as session:
        made = scene(session, n_items=N + 2, n_users=3, queued=False, **{"gold_share": 1.0, **settings})  # type: ignore[arg-type]
        line = projects.queue_of(session, made.project_id)
        for output in made.outputs[:N]:
            queue.gold.add(session, line, output, Verdict.FAULTY, made.users[2], first_wrong_step=1)
        for output in made.outputs[N:]:
            queue.enqueue_output(session, made.project_id, output, priority=1.0)
    return made


def answer(db: Database, made: Scene, verdict: str, user: int = 0) -> int | None:
    with db.write() as session:
        held = queue.claim_next(session, made.users[user], made.project_id)
        if held is None:
            return None
        reviews.submit(session, review_of(held, made.users[user], verdict), None, held.token)
        return held.item_id


def test_each_person_gets_each_gold_item_once_and_then_the_others(db: Database) -> None:
    made = with_gold(db, overlap=2)
    got = {user: [answer(db, made, "faulty", user) for _ in range(N + 2)] for user in (0, 1)}
    for items in got.values():
        assert items[:N] == made.items[:N] and sorted(items[N:]) == made.items[N:]  # type: ignore[type-var]
    assert answer(db, made, "faulty", 0) is None


def test_gold_counts_nowhere_but_in_the_persons_score(db: Database) -> None:
    made = with_gold(db)
    for verdict in ("faulty", "acceptable", "faulty"):
        answer(db, made, verdict)
    with db.read() as session:
        line = projects.queue_of(session, made.project_id)
        assert queue.counts(session, made.project_id)["slots"] == 2
        assert queue.gold.scores(session, line.id)[made.users[0]] == queue.gold.Score(2, 3)
        found = reviews.verdicts_on(session, made.outputs)
        assert all(said == [Verdict.FAULTY] for said in found.values()), "the decision alone"
        records = list(export_records.records(session, made.project_id, filters={}))
        assert {one.attempts[0].verdict for one in records} == {Verdict.FAULTY}


def test_gold_that_was_given_back_comes_again_and_to_nobody_else(db: Database) -> None:
    made = with_gold(db)
    with db.write() as session:
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        queue.release(session, held.assignment_id, held.token)
        projects.set_queue(session, made.project_id, "annotate", user_id=None, gold_share=0.0)
        other = queue.claim_next(session, made.users[1], made.project_id)
        assert other is not None and other.item_id in made.items[N:]
        projects.set_queue(session, made.project_id, "annotate", user_id=None, gold_share=1.0)
        again = queue.claim_next(session, made.users[0], made.project_id)
        assert again is not None and again.assignment_id == held.assignment_id
        queue.skip(session, again.assignment_id, again.token, made.users[0], "no idea")
        after = queue.claim_next(session, made.users[0], made.project_id)
        assert after is not None and after.item_id != held.item_id


@pytest.mark.parametrize("action", ["tell", "pause"])
def test_who_is_below_the_floor_is_told_or_paused_until_an_admin_lets_them_go_on(
    db: Database, clock: Clock, action: str
) -> None:
    made = with_gold(db, gold_floor=0.7, gold_action=action)
    for _ in range(FEWEST_GOLD - 1):
        answer(db, made, "acceptable")
    with db.read() as session:
        line = projects.queue_of(session, made.project_id)
        assert not queue.gold.is_low(session, line, made.users[0]), "too few to say"
    answer(db, made, "acceptable")
    with db.read() as session:
        assert queue.gold.is_low(session, line, made.users[0])
        assert not queue.gold.is_low(session, line, made.users[1])
        causes = queue.why_empty(session, made.project_id, made.users[0])
    if action == "tell":
        assert answer(db, made, "faulty") is not None
        return
    assert answer(db, made, "faulty") is None and causes["paused"] == 2
    clock.forward(60)
    with db.write() as session:
        queue.gold.let_go_on(session, line, made.users[0], made.users[2])
    clock.forward(60)
    assert answer(db, made, "faulty") is not None
    with db.read() as session:
        assert queue.gold.scores(session, line.id)[made.users[0]] == queue.gold.Score(1, 1)


def test_a_verdict_that_contradicts_a_decision_is_refused(db: Database) -> None:
    made = with_gold(db)
    with db.write() as session:
        line = projects.queue_of(session, made.project_id)
        with pytest.raises(ValueError, match="reopen the decision"):
            queue.gold.add(session, line, made.outputs[0], Verdict.ACCEPTABLE, made.users[2])
        with pytest.raises(ValueError, match="known verdict"):
            queue.gold.add(session, line, made.outputs[0], Verdict.CANNOT_JUDGE, made.users[2])
        assert queue.gold.add_decided(session, line, None) == 0 and queue.gold.count(session, line.id) == N
        assert queue.gold.retire_all(session, line, None) == N and queue.gold.count(session, line.id) == 0
        assert queue.gold.add_decided(session, line, None) == 0, "retired ones are not brought back by themselves"
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None and held.item_id in made.items[N:]
        assert session.query(tables.Review).count() == N
