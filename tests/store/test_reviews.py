"""Submitting in one transaction, losing nothing, and reading the story of an item back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core import edits
from core.types import Dependency, Scope, Verdict
from store import drafts, outputs, queue, reviews, tables
from store.engine import Database
from store.reviews import NewCorrection
from tests.conftest import Clock
from tests.factories import ANSWER, STEPS, Scene, review_of, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2, lease_seconds=60)


def claim(db: Database, made: Scene, user: int = 0) -> queue.Claim:
    with db.write() as session:
        held = queue.claim_next(session, made.users[user], made.project_id)
    assert held is not None
    return held


def said(made: Scene, held: queue.Claim, text: str = "7, not 8", **values: object) -> NewCorrection:
    return NewCorrection(made.users[0], held.output_id, text, **values)  # type: ignore[arg-type]


def rows(db: Database, table: type[tables.Base]) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_submission_leaves_everything_in_its_place(db: Database, made: Scene) -> None:
    held = claim(db, made)
    fixed = ANSWER.replace("8", "7")
    with db.write() as session:
        drafts.save(session, held.assignment_id, made.users[0], {"text": "7, n"}, 1)
    with db.write() as session:
        new = review_of(
            held, made.users[0], step_labels=[1], seconds=12.5, shown={"risk": 0.4}, error_type="arithmetic"
        )
        correction = said(made, held, scope="plan", dependency="restart", step_index=1, rewrite=fixed)
        result = reviews.submit(session, new, correction, held.token)
    with db.read() as session:
        review = reviews.get(session, result.review_id)
        assert (review.verdict, review.first_wrong_step, review.step_labels) == ("faulty", 1, [1, None])
        assert (review.seconds, review.shown, review.error_type) == (12.5, {"risk": 0.4}, "arithmetic")
        assert result.correction_id is not None
        kept = reviews.get_correction(session, result.correction_id)
        assert (kept.scope, kept.dependency, kept.assignment_id) == ("plan", "restart", held.assignment_id)
        assert edits.apply(ANSWER, edits.from_json(kept.edits)) == fixed
        assert drafts.load(session, held.assignment_id, made.users[0]) is None
        slot = session.get_one(tables.Assignment, held.assignment_id)
        assert (slot.state, slot.holder_id, slot.deadline) == ("submitted", made.users[0], None)
        events = session.scalars(
            select(tables.AuditEvent.action).where(tables.AuditEvent.user_id == made.users[0])
        ).all()
        assert events == ["queue.claim", "correction.add", "review.submit"]


def test_a_failure_in_the_middle_leaves_nothing(db: Database, made: Scene) -> None:
    held = claim(db, made)
    with pytest.raises(ValueError, match="no step 6"), db.write() as session:
        reviews.submit(session, review_of(held, made.users[0]), said(made, held, step_index=5), held.token)
    assert rows(db, tables.Review) == 0
    with db.read() as session:
        assert queue.counts(session, made.project_id)["claimed"] == 1


def test_a_lost_claim_keeps_the_text_and_says_where(db: Database, made: Scene, clock: Clock) -> None:
    held = claim(db, made, 0)
    with db.write() as session:
        drafts.save(session, held.assignment_id, made.users[0], {"typed": "by hand"}, 4)
    clock.forward(61)
    taken = claim(db, made, 1)
    assert taken.assignment_id == held.assignment_id
    with pytest.raises(queue.LostClaim) as lost, db.write() as session:
        reviews.submit(session, review_of(held, made.users[0]), said(made, held, "the sum is 7"), held.token)
    assert lost.value.draft_kept and lost.value.assignment_id == held.assignment_id
    assert "somebody else" in str(lost.value) and "Your text is kept" in str(lost.value)
    with db.read() as session:
        (draft,) = drafts.of_user(session, made.users[0], stale=True)
        assert draft.body["typed"] == "by hand"
        assert draft.body["unsent"]["correction"]["text"] == "the sum is 7"
        assert draft.body["unsent"]["review"]["verdict"] == "faulty"
    assert (rows(db, tables.Review), rows(db, tables.Correction)) == (0, 0)
    with db.write() as session:  # who took it over is not disturbed
        reviews.submit(session, review_of(taken, made.users[1], "acceptable"), None, taken.token)


def test_text_that_was_never_autosaved_is_kept_too(db: Database, made: Scene) -> None:
    held = claim(db, made)
    with db.write() as session:
        queue.release(session, held.assignment_id, held.token)
    with pytest.raises(queue.LostClaim, match="Your text is kept"), db.write() as session:
        reviews.submit(session, review_of(held, made.users[0]), said(made, held), held.token)
    assert rows(db, tables.Draft) == 1


def test_the_same_submission_sent_twice_counts_once(db: Database, made: Scene) -> None:
    held = claim(db, made)
    new, correction = review_of(held, made.users[0]), said(made, held)
    results = []
    for _ in range(2):
        with db.write() as session:
            results.append(reviews.submit(session, new, correction, held.token))
    assert results[0] == results[1]
    assert (rows(db, tables.Review), rows(db, tables.Correction)) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"verdict": "acceptable", "first_wrong_step": None},
        {"first_wrong_step": 0},
        {"text": "other words"},
        {"text": None},
    ],
)
def test_another_decision_with_a_used_token_is_kept_as_a_draft(
    db: Database, made: Scene, other: dict[str, object]
) -> None:
    held = claim(db, made)
    new, correction = review_of(held, made.users[0]), said(made, held)
    with db.write() as session:
        reviews.submit(session, new, correction, held.token)
    second = replace(new, **{k: v for k, v in other.items() if k != "text"})
    words = None if other.get("text", "") is None else replace(correction, text=other.get("text", correction.text))
    with pytest.raises(queue.LostClaim, match="submitted already"), db.write() as session:
        reviews.submit(session, second, words, held.token)
    assert (rows(db, tables.Review), rows(db, tables.Draft)) == (1, 1)


def test_a_token_does_not_work_for_somebody_else(db: Database, made: Scene) -> None:
    held = claim(db, made)
    with pytest.raises(PermissionError), db.write() as session:
        reviews.submit(session, review_of(held, made.users[1]), None, held.token)
    assert rows(db, tables.Review) == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"verdict": "great"}, "great"),
        ({"first_wrong_step": 2}, "2 steps, and no step 3"),
        ({"first_wrong_step": -1}, "no step 0"),
        ({"step_labels": [1, 1, 1]}, "3 step labels"),
        ({"step_labels": [2]}, "2 is not"),
    ],
)
def test_reviews_that_cannot_be_are_refused(
    db: Database, made: Scene, change: dict[str, object], complaint: str
) -> None:
    held = claim(db, made)
    with pytest.raises(ValueError, match=complaint), db.write() as session:
        reviews.submit(session, replace(review_of(held, made.users[0]), **change), None, held.token)


def test_an_output_of_another_item_is_refused(db: Database, made: Scene) -> None:
    held = claim(db, made)
    wrong = replace(review_of(held, made.users[0]), output_id=made.outputs[1])
    with pytest.raises(ValueError, match="does not answer the item"), db.write() as session:
        reviews.submit(session, wrong, None, held.token)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": " "}, "in words"),
        ({"text": "\0"}, "in words"),
        ({"step_index": 2}, "no step 3"),
        ({"span_start": 3}, "a start and an end"),
        ({"span_start": 3, "span_end": 3}, "no span"),
        ({"span_start": 0, "span_end": 99}, "no span"),
        ({"scope": "x"}, "x"),
        ({"dependency": "x"}, "x"),
    ],
)
def test_corrections_that_cannot_be_are_refused(
    db: Database, made: Scene, change: dict[str, object], complaint: str
) -> None:
    new = replace(NewCorrection(made.users[0], made.outputs[0], "no"), **change)
    with pytest.raises(ValueError, match=complaint), db.write() as session:
        reviews.add_correction(session, new)


def test_a_rewrite_without_words_is_a_correction(db: Database, made: Scene) -> None:
    with db.write() as session:
        row = reviews.add_correction(session, NewCorrection(made.users[0], made.outputs[0], "", rewrite=""))
    assert edits.apply(ANSWER, edits.from_json(row.edits)) == ""


def test_a_correction_is_added_once_per_effect_and_revised_by_a_new_row(db: Database, made: Scene) -> None:
    new = NewCorrection(made.users[0], made.outputs[0], "no", effect_key="try:1")
    with db.write() as session:
        first = reviews.add_correction(session, new).id
        assert reviews.add_correction(session, replace(new, text="other")).id == first
        revised = replace(new, text="better said", replaces_id=first, effect_key=None)
        second = reviews.add_correction(session, revised)
        assert (second.revision, second.replaces_id) == (2, first)
    with db.read() as session:
        assert [row.text for row in reviews.corrections_for(session, made.items[0])] == ["better said"]


def test_the_history_of_an_item(db: Database, made: Scene) -> None:
    held = claim(db, made)
    with db.write() as session:
        correction = reviews.add_correction(
            session, said(made, held, "7", step_index=1, assignment_id=held.assignment_id)
        )
        right = "3 + 4 = 7.\nSo the answer is 7."
        second = outputs.add(session, outputs.NewOutput(held.item_id, right, "m", correction_id=correction.id))
    with db.read() as session:
        story = reviews.history(session, held.item_id)
        assert story.final is None
    with db.write() as session:
        new = replace(review_of(held, made.users[0], "acceptable"), output_id=second.id)
        reviews.submit(session, new, None, held.token)
    with db.read() as session:
        story = reviews.history(session, held.item_id)
    assert [(a.number, a.text, a.correction and a.correction.text) for a in story.attempts] == [
        (1, ANSWER, "7"),
        (2, right, None),
    ]
    assert story.attempts[0].steps == STEPS
    assert story.final == right
    assert story.attempts[0].correction is not None
    assert (story.attempts[0].correction.scope, story.attempts[0].correction.dependency) == (
        Scope.SKILL,
        Dependency.LAST,
    )
    assert story.question.prompt == "What is 3 + 4, time 0?"


def test_without_an_accepted_answer_the_rewrite_is_final(db: Database, made: Scene) -> None:
    held = claim(db, made)
    with db.write() as session:
        reviews.submit(session, review_of(held, made.users[0]), said(made, held, rewrite="It is 7."), held.token)
    with db.read() as session:
        assert reviews.history(session, held.item_id).final == "It is 7."


def test_finished_items_for_reports(db: Database, clock: Clock) -> None:
    with db.write() as session:
        made = scene(session, n_items=4, n_users=1)
    user = made.users[0]
    first = claim(db, made)  # corrected once, then accepted
    with db.write() as session:
        correction = reviews.add_correction(session, said(made, first, assignment_id=first.assignment_id))
        better = outputs.add(session, outputs.NewOutput(first.item_id, "7", "m", correction_id=correction.id))
        new = replace(review_of(first, user, "acceptable"), output_id=better.id)
        reviews.submit(session, new, None, first.token)
    clock.forward(24 * 3600)
    second = claim(db, made)  # faulty, with a correction
    with db.write() as session:
        reviews.submit(session, review_of(second, user), said(made, second), second.token)
    third = claim(db, made)  # nobody can tell: not finished
    with db.write() as session:
        reviews.submit(session, review_of(third, user, Verdict.CANNOT_JUDGE.value), None, third.token)
    with db.read() as session:
        found = reviews.finished(session, made.project_id)
        assert reviews.reviewed_count(session, made.project_id) == 2
    assert [
        (r.item_id, r.corrections, r.accepted, r.day, r.first_attempt_wrong, r.last_attempt_wrong) for r in found
    ] == [
        (first.item_id, 1, True, "2026-03-01", True, False),
        (second.item_id, 1, False, "2026-03-02", True, True),
    ]
