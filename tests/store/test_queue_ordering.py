"""The order of a queue by each policy, from rows; what cannot be computed stands behind and is said in words."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import Critique, StepLabel, Verdict, Vote
from store import judgements, projects, queue, tables, vectors
from store.engine import Database
from store.queue import ordering
from tests.factories import Scene, build, scene


def put(session: Session, made: Scene, n: int, *numbers: float) -> None:
    vectors.put(
        session,
        project_id=made.project_id,
        scope="output",
        owner_kind="output",
        owner_id=made.outputs[n],
        model="test",
        vector=np.array(numbers, dtype=np.float32),
    )


def order(session: Session, made: Scene) -> list[int]:
    """Places of the scene's outputs by the queue's policy, the most urgent first."""
    line = projects.queue_of(session, made.project_id)
    found = ordering.priorities(session, line, made.outputs)
    return sorted(range(len(made.outputs)), key=lambda n: -found[made.outputs[n]])


def test_diverse_answers_come_first_and_copies_of_reviewed_ones_last(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=5, order_policy="diversity")
        held = queue.claim_item(session, made.users[0], made.project_id, made.items[0])
        assert held is not None
        queue.submit(session, held.assignment_id, held.token)
        for n, vector in enumerate([(1, 0, 0), (1, 0.01, 0), (0, 1, 0), (0, 1, 0.01)]):
            put(session, made, n, *vector)
        found = order(session, made)
        looked, lacks = ordering.lacking(session, projects.queue_of(session, made.project_id))
    assert {found[0], found[1]} != {2, 3}, "of two copies only one comes early"
    assert found[0] in (2, 3) and found[-1] == 4, "what has no vector stands behind"
    assert (looked, dict(lacks)) == (4, {"no vector of the answer": 1})


def test_learning_value_wants_the_uncertain_that_others_resemble(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=4, order_policy="learning-value")
        for n, (vector, risk) in enumerate([((1, 0), 0.5), ((1, 0.1), 0.99), ((1, -0.1), 0.5), ((-0.2, 1), 0.5)]):
            put(session, made, n, *vector)
            session.add(tables.Risk(output_id=made.outputs[n], value=risk, method="m", version="1"))
        session.flush()
        found = order(session, made)
    assert set(found[:2]) == {0, 2} and found[3] == 1


def test_disagreement_wants_what_sure_critics_say_against_people_or_signals(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=4, order_policy="disagreement")
        for n, (vote, sure) in enumerate([("acceptable", 0.99), ("faulty", 0.99), ("acceptable", 0.55)]):
            judgements.save(
                session,
                made.outputs[n],
                votes=[Vote("arithmetic", Verdict(vote))],
                critiques=[Critique(0, "model_steps", StepLabel.WRONG, "no", sure)],
            )
        found = order(session, made)
        assert found[0] == 0 and found[-1] == 3
        build(session, tables.Review, output_id=made.outputs[1], verdict="acceptable", user_id=made.users[0])
        build(session, tables.Review, output_id=made.outputs[0], verdict="faulty", user_id=made.users[0])
        assert order(session, made)[0] == 1, "people are the weak side once they have spoken"


def test_planted_errors_of_the_weak_side_come_first() -> None:
    """Paper 23: among the first hundred by disagreement wrong weak labels are at least twice as frequent as in all."""
    from datetime import UTC, datetime

    from core.policies import REGISTRY
    from core.policies.base import QueueCandidate, Sides

    chance = np.random.default_rng(0)
    truth = chance.random(1000) < 0.4
    weak = np.where(chance.random(1000) < 0.2, ~truth, truth)
    strong = np.clip(truth * 0.6 + 0.2 + chance.normal(0, 0.15, 1000), 0, 1)
    policy = REGISTRY.make("disagreement")
    day = datetime(2026, 1, 1, tzinfo=UTC)
    scores = [
        policy.priority(QueueCandidate(None, day, 0.0, sides=Sides(float(w), float(s))))
        for w, s in zip(weak, strong, strict=True)
    ]
    first = np.argsort(scores)[::-1][:100]
    assert (weak != truth)[first].mean() >= 2 * (weak != truth).mean()


@pytest.mark.parametrize("policy", ["convincing-wrong", "diversity", "disagreement", "learning-value"])
def test_a_policy_that_knows_nothing_falls_back_to_risk_and_says_so(db: Database, policy: str) -> None:
    with db.write() as session:
        made = scene(session, n_items=3, order_policy=policy)
        for n, risk in enumerate([0.1, 0.9, 0.5]):
            session.add(tables.Risk(output_id=made.outputs[n], value=risk, method="m", version="1"))
        session.flush()
        assert order(session, made) == [1, 2, 0]
        looked, lacks = ordering.lacking(session, projects.queue_of(session, made.project_id))
    assert looked == 3 and sum(lacks.values()) == 3 and all(len(word) > 10 for word in lacks)


def test_batches_walk_every_waiting_slot_once(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=7, n_users=2, overlap=2)
        line = projects.queue_of(session, made.project_id)
        seen: list[int] = []
        after = ordering.START
        while (part := ordering.batch(session, line, after, size=3)) is not None:
            assert len(part.slots) <= 3
            seen += part.slots
            after = part.after
        assert sorted(seen) == sorted(session.scalars(select(tables.Assignment.id)).all()) and len(seen) == 14
