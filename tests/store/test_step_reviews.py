"""What step review adds to a review: how steps were judged, alternatives, the final answer, blind items; and who counts as a judge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select

from core.projects import ProjectSettings
from core.types import QueueKind, StepLabel, Verdict
from store import export_facts, exports, judgements, projects, queue, reviews, tables
from store.engine import Database
from store.queue import lanes
from store.reviews import blind
from tests.conftest import Clock
from tests.factories import Scene, build, review_of, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2, n_users=3, overlap=3, lease_seconds=60)


def claim(db: Database, made: Scene, user: int = 0) -> queue.Claim:
    with db.write() as session:
        held = queue.claim_next(session, made.users[user], made.project_id)
    assert held is not None
    return held


def submit(db: Database, made: Scene, held: queue.Claim, verdict: str = "faulty", user: int = 0, **more: Any) -> int:
    with db.write() as session:
        new = review_of(held, made.users[user], verdict, **more)
        return reviews.submit(session, new, None, held.token).review_id


@contextmanager
def kept(db: Database, review_id: int) -> Iterator[tables.Review]:
    with db.read() as session:
        yield reviews.get(session, review_id)


def test_neutral_steps_alternatives_and_a_right_answer_are_kept(db: Database, made: Scene) -> None:
    said = [(1, " 3 + 4 is 7.\x00 ", 1), (0, "Add 3 and 4.", None), (1, "It is 8.", -1)]
    held = claim(db, made)
    id_ = submit(
        db, made, held, step_labels=[0, -1], protocol="per_step", answer_right=True, blind=True, alternatives=said
    )
    with kept(db, id_) as review:
        assert (review.protocol, review.answer_right, review.blind) == ("per_step", True, True)
        assert review.step_labels == [0, -1] and review.first_wrong_step == 1
        assert review.alternatives == [[0, "Add 3 and 4.", None], [1, "3 + 4 is 7.", 1], [1, "It is 8.", -1]]


def test_a_review_says_nothing_of_what_nobody_said(db: Database, made: Scene) -> None:
    with kept(db, submit(db, made, claim(db, made), "acceptable")) as review:
        assert (review.protocol, review.answer_right, review.blind, review.alternatives) == (
            "first_error",
            None,
            False,
            [],
        )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"protocol": "guess"}, "first_error, per_step, bisect"),
        ({"alternatives": [(2, "more", None)]}, "no step 3"),
        ({"alternatives": [(-1, "more", None)]}, "no step 0"),
        ({"alternatives": [(0, " \x00 ", None)]}, "no words"),
        ({"alternatives": [(0, "more", 2)]}, "2 is not a valid StepLabel"),
        ({"step_labels": [5]}, "5 is not a valid StepLabel"),
    ],
)
def test_what_cannot_be_is_refused(db: Database, made: Scene, more: dict[str, Any], says: str) -> None:
    held = claim(db, made)
    with pytest.raises(ValueError, match=says):
        submit(db, made, held, **more)


@pytest.mark.parametrize(
    "other", [{"step_labels": [1, -1]}, {"answer_right": False}, {"alternatives": [(0, "c", None)]}]
)
def test_the_same_decision_sent_twice_is_one_and_another_is_not_lost(
    db: Database, made: Scene, other: dict[str, Any]
) -> None:
    said: dict[str, Any] = {"step_labels": [0, -1], "answer_right": True, "alternatives": [(0, "b", 1)]}
    held = claim(db, made)
    first = submit(db, made, held, **said)
    assert submit(db, made, held, **said) == first
    with pytest.raises(queue.LostClaim), db.write() as session:
        reviews.submit(session, review_of(held, made.users[0], **{**said, **other}), None, held.token)
    with db.read() as session:
        (draft,) = session.scalars(select(tables.Draft)).all()
        assert draft.stale and draft.body["unsent"]["review"]["alternatives"][0][1] in ("b", "c")


# --- blind items


def test_the_draw_is_stable_even_and_apart_from_the_audit_slice() -> None:
    drawn = {item for item in range(20_000) if blind.draw(7, item) < 0.1}
    assert drawn == {item for item in range(20_000) if blind.draw(7, item) < 0.1}
    assert 0.09 < len(drawn) / 20_000 < 0.11
    both = sum(lanes.draw(7, item) < 0.1 for item in drawn) / len(drawn)
    assert 0.07 < both < 0.13, "an audited item is no likelier to be blind"


@pytest.mark.parametrize(("share", "blind_ones"), [(0.0, 0), (1.0, 2)])
def test_the_projects_share_decides(db: Database, made: Scene, share: float, blind_ones: int) -> None:
    with db.write() as session:
        settings = ProjectSettings(blind_share=share).model_dump()
        projects.update(session, made.project_id, user_id=None, settings=settings)
    with db.read() as session:
        slots = session.scalars(select(tables.Assignment).where(tables.Assignment.slot == 0)).all()
        assert sum(reviews.is_blind(session, slot, made.users[0]) for slot in slots) == blind_ones


def test_experts_see_everything_and_so_does_who_has_seen_it_once(db: Database, made: Scene) -> None:
    held = claim(db, made)
    submit(db, made, held, blind=False)
    with db.write() as session:
        settings = ProjectSettings(blind_share=1.0).model_dump()
        projects.update(session, made.project_id, user_id=None, settings=settings)
        slot = session.get_one(tables.Assignment, held.assignment_id)
        assert not reviews.is_blind(session, slot, made.users[0])
        assert reviews.is_blind(session, slot, made.users[1])
        expert = projects.queue_of(session, made.project_id, QueueKind.EXPERT)
        other = build(session, tables.Assignment, queue_id=expert.id, item_id=made.items[0], output_id=made.outputs[0])
        assert not reviews.is_blind(session, other, made.users[1])


def test_who_reviewed_it_blind_reopens_it_blind(db: Database, made: Scene) -> None:
    with db.write() as session:
        settings = ProjectSettings(blind_share=1.0).model_dump()
        projects.update(session, made.project_id, user_id=None, settings=settings)
    held = claim(db, made)
    submit(db, made, held, blind=True)
    with db.read() as session:
        assert reviews.is_blind(session, session.get_one(tables.Assignment, held.assignment_id), made.users[0])


# --- who could not judge has not judged


def test_cannot_judge_counts_nowhere_as_a_verdict(db: Database, made: Scene, clock: Clock) -> None:
    submit(db, made, claim(db, made, 0), "acceptable")
    clock.forward(1)
    submit(db, made, claim(db, made, 1), "cannot_judge", user=1)
    with db.read() as session:
        (record,) = exports.records(session, made.project_id, filters={})
        (attempt,) = record.attempts
        assert (attempt.verdict, attempt.reviews, attempt.agreeing) == (Verdict.ACCEPTABLE, 1, 1)
        people = export_facts.people(session, made.project_id, {})
        assert (people.pairs, people.agreed) == (0, 0)
        assert [one.verdicts for one in people.annotators] == [{"acceptable": 1}, {"cannot_judge": 1}]
        assert reviews.history(session, made.items[0]).final == attempt.text
        assert reviews.reviewed_count(session, made.project_id) == 1


def test_alone_it_is_no_review_that_judged(db: Database, made: Scene) -> None:
    held = claim(db, made)
    submit(db, made, held, "cannot_judge")
    with db.read() as session:
        counts = queue.counts(session, made.project_id)
        assert (counts["submitted"], counts["cannot_judge"]) == (1, 1)
        (record,) = exports.records(session, made.project_id, filters={})
        (attempt,) = record.attempts
        assert (attempt.verdict, attempt.reviews, attempt.agreeing) == (Verdict.CANNOT_JUDGE, 0, 0)
        assert reviews.finished(session, made.project_id) == []
    with db.write() as session:
        again = queue.reopen(session, held.assignment_id, made.users[0])
    submit(db, made, again)
    with db.read() as session:
        assert queue.counts(session, made.project_id)["cannot_judge"] == 0, "only the revision that stands counts"


def test_a_verdict_taken_back_teaches_no_risk(db: Database, made: Scene) -> None:
    held = claim(db, made)
    submit(db, made, held)
    with db.read() as session:
        assert judgements.risk_rows(session, made.project_id)[0].verdict is Verdict.FAULTY
    with db.write() as session:
        again = queue.reopen(session, held.assignment_id, made.users[0])
    submit(db, made, again, "cannot_judge")
    with db.read() as session:
        assert judgements.risk_rows(session, made.project_id)[0].verdict is None


# --- exports


def test_alternatives_of_everybody_who_judged_are_exported(db: Database, made: Scene) -> None:
    submit(db, made, claim(db, made, 0), answer_right=True, alternatives=[(1, "It is 7.", 1), (0, "Add.", None)])
    submit(db, made, claim(db, made, 1), user=1, answer_right=True, alternatives=[(1, "It is 7.", 1), (1, "Seven.", 0)])
    with db.read() as session:
        (record,) = exports.records(session, made.project_id, filters={})
    (attempt,) = record.attempts
    assert (attempt.verdict, attempt.answer_right) == (Verdict.FAULTY, True)
    assert attempt.alternatives == (
        (0, "Add.", None),
        (1, "It is 7.", StepLabel.RIGHT),
        (1, "Seven.", StepLabel.NEUTRAL),
    )
