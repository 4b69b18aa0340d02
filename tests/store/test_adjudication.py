"""Adjudication: one decision over several reviews supersedes them, changes none of them, and its reason reaches their authors."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import QueueKind, Verdict
from store import export_records, people_quality, projects, queue, reviews, tables
from store.engine import Database
from store.reviews import NewCorrection, NewReview
from tests.factories import Scene, review_of, scene


@dataclass(slots=True)
class Dispute:
    made: Scene
    reviews: list[int]
    corrections: list[int | None]


def disputed(db: Database, **settings: object) -> Dispute:
    """Two people judge one answer differently: the first finds it faulty and says why, the second accepts it."""
    with db.write() as session:
        made = scene(session, n_items=1, n_users=4, **{"overlap": 2, **settings})  # type: ignore[arg-type]
        project = projects.get(session, made.project_id)
        options = {**project.settings, "disagreements": "adjudication"}
        projects.update(session, made.project_id, user_id=None, settings=options)
    found = Dispute(made, [], [])
    for user, verdict in ((0, "faulty"), (1, "acceptable")):
        with db.write() as session:
            result = submit(session, made, user, verdict)
            found.reviews.append(result.review_id)
            found.corrections.append(result.correction_id)
    return found


def submit(
    session: Session, made: Scene, user: int, verdict: str, kind: str = QueueKind.ANNOTATE, **values: object
) -> reviews.SubmitResult:
    held = queue.claim_next(session, made.users[user], made.project_id, kind)
    assert held is not None
    text = values.pop("text", "7, not 8" if verdict == "faulty" and kind == QueueKind.ANNOTATE else None)
    new = NewCorrection(made.users[user], held.output_id, str(text), step_index=1) if text else None
    review: NewReview = review_of(held, made.users[user], verdict, **values)
    return reviews.submit(session, review, new, held.token)


def decide(db: Database, made: Scene, verdict: str, **values: object) -> reviews.SubmitResult:
    with db.write() as session:
        return submit(session, made, 2, verdict, QueueKind.ADJUDICATE, **{"reason": "See step 2.", **values})


def test_what_people_judge_differently_waits_for_one_who_reviewed_nothing_of_it(db: Database) -> None:
    found = disputed(db)
    with db.write() as session:
        (slot,) = session.scalars(select(tables.Assignment).join(tables.Queue).where(tables.Queue.kind == "adjudicate"))
        assert slot.reason == "People disagree on this answer: 1 found it faulty and 1 found it acceptable."
        for user in found.made.users[:2]:
            assert queue.claim_next(session, user, found.made.project_id, QueueKind.ADJUDICATE) is None
            causes = queue.why_empty(session, found.made.project_id, user, QueueKind.ADJUDICATE)
            assert causes["reviewed_by_you"] == 1
        said = reviews.compared(session, slot.output_id)
        assert [(row.verdict, fix.text if fix else None) for row, fix in said] == [
            ("faulty", "7, not 8"),
            ("acceptable", None),
        ]
        assert queue.claim_next(session, found.made.users[2], found.made.project_id, QueueKind.ADJUDICATE) is not None


def test_a_decision_supersedes_and_changes_nothing_that_was_said(db: Database) -> None:
    found = disputed(db)
    before = _rows(db)
    result = decide(db, found.made, "acceptable", takes=found.reviews[1])
    with db.read() as session:
        counts = reviews.reviews_for(session, found.made.items[0])
        assert [(row.id, row.verdict) for row in counts] == [(result.review_id, "acceptable")]
        assert reviews.verdicts_on(session, found.made.outputs) == {found.made.outputs[0]: [Verdict.ACCEPTABLE]}
        assert reviews.corrections_for(session, found.made.items[0]) == [], "the overruled correction teaches nothing"
        (record,) = export_records.records(session, found.made.project_id, filters={})
        (attempt,) = record.attempts
        assert attempt.verdict == Verdict.ACCEPTABLE and not attempt.corrections
        people = people_quality.judgements(session, found.made.project_id)
        assert [(one.user_id, one.wrong, one.gold) for one in people] == [
            (found.made.users[0], True, False),
            (found.made.users[1], False, False),
            (found.made.users[2], False, None),
        ], "agreement is about what each person said; the decision is gold"
    assert {name: rows for name, rows in _rows(db).items() if name in before} == before


def _rows(db: Database) -> dict[str, list[str]]:
    with db.read() as session:
        return {
            f"review {row.id}": [row.verdict, str(row.revision), str(row.step_labels)]
            for row in session.scalars(select(tables.Review).where(~tables.Review.decides))
        } | {f"correction {row.id}": [row.text] for row in session.scalars(select(tables.Correction))}


def test_the_correction_of_a_review_that_was_taken_stands_with_its_author(db: Database) -> None:
    found = disputed(db)
    decide(db, found.made, "faulty", takes=found.reviews[0])
    with db.read() as session:
        (kept,) = reviews.corrections_for(session, found.made.items[0])
        assert (kept.id, kept.user_id) == (found.corrections[0], found.made.users[0])


def test_a_third_answer_has_its_own_correction(db: Database) -> None:
    found = disputed(db)
    decide(db, found.made, "faulty", first_wrong_step=0, text="Neither: step 1 has no unit.")
    with db.read() as session:
        assert [row.text for row in reviews.corrections_for(session, found.made.items[0])] == [
            "Neither: step 1 has no unit."
        ]


def test_the_reason_reaches_both_and_is_marked_as_seen(db: Database) -> None:
    found = disputed(db)
    decide(db, found.made, "faulty", takes=found.reviews[0])
    users = found.made.users
    with db.write() as session:
        (first,), (second,) = (reviews.decided(session, user) for user in users[:2])
        assert (first.said, first.decided, first.taken, first.reason) == ("faulty", "faulty", True, "See step 2.")
        assert (second.said, second.decided, second.taken) == ("acceptable", "faulty", False)
        assert reviews.decided(session, users[2]) == []
        assert reviews.mark_seen(session, users[1], [first.id]) == 0, "nobody marks another's"
        assert reviews.mark_seen(session, users[0], [first.id]) == 1
        assert reviews.decided(session, users[0]) == []
        assert len(reviews.decided(session, users[0], unseen=False)) == len(reviews.decided(session, users[1])) == 1


def test_reopening_a_decision_is_a_new_revision_that_is_told_anew(db: Database) -> None:
    found = disputed(db)
    first = decide(db, found.made, "faulty", takes=found.reviews[0])
    with db.write() as session:
        reviews.mark_seen(session, found.made.users[0])
        slot_id = reviews.get(session, first.review_id).assignment_id
        assert slot_id is not None
        claim = queue.reopen(session, slot_id, found.made.users[2])
        again = review_of(claim, found.made.users[2], "acceptable", reason="I misread it.", takes=found.reviews[1])
        second = reviews.submit(session, again, None, claim.token)
    with db.read() as session:
        row = reviews.get(session, second.review_id)
        assert (row.revision, row.replaces_id, row.decides) == (2, first.review_id, True)
        assert reviews.verdicts_on(session, found.made.outputs) == {found.made.outputs[0]: [Verdict.ACCEPTABLE]}
        assert reviews.corrections_for(session, found.made.items[0]) == []
        (told,) = reviews.decided(session, found.made.users[0])
        assert (told.decided, told.revision, told.reason) == ("acceptable", 2, "I misread it.")


def test_a_review_that_is_reopened_after_the_decision_does_not_undo_it(db: Database) -> None:
    found = disputed(db)
    result = decide(db, found.made, "acceptable", takes=found.reviews[1])
    with db.write() as session:
        slot_id = reviews.get(session, found.reviews[0]).assignment_id
        assert slot_id is not None
        claim = queue.reopen(session, slot_id, found.made.users[0])
        reviews.submit(session, review_of(claim, found.made.users[0]), None, claim.token)
    with db.read() as session:
        assert [row.id for row in reviews.reviews_for(session, found.made.items[0])] == [result.review_id]


def test_a_decision_that_is_taken_back_lets_the_reviews_count_again(db: Database) -> None:
    found = disputed(db)
    result = decide(db, found.made, "acceptable", takes=found.reviews[1])
    with db.write() as session:
        held = tables.Retraction(project_id=found.made.project_id, why="wrong expert", filter={})
        session.add(held)
        session.flush()
        session.add(tables.RetractionEntry(retraction_id=held.id, kind="review", owner_id=result.review_id))
    with db.read() as session:
        assert {row.id for row in reviews.reviews_for(session, found.made.items[0])} == set(found.reviews)
        assert len(reviews.corrections_for(session, found.made.items[0])) == 1


def test_only_a_review_of_that_answer_can_be_taken(db: Database) -> None:
    found = disputed(db)
    with pytest.raises(ValueError, match="not one of this answer"):
        decide(db, found.made, "acceptable", takes=10**9)
    with db.read() as session:
        assert len(reviews.reviews_for(session, found.made.items[0])) == 2, "nothing of the refused decision is kept"


@pytest.mark.parametrize(("floor", "third", "queued"), [(1.0, "faulty", 1), (0.6, "faulty", 0), (0.6, None, 0)])
def test_disagreement_calls_one_more_person_before_an_expert(
    db: Database, floor: float, third: str | None, queued: int
) -> None:
    found = disputed(db, extra_reviews=1, agreement_floor=floor)
    with db.write() as session:
        counts = queue.counts(session, found.made.project_id)
        assert (counts["slots"], counts["open"]) == (3, 1), "one more, at most"
        if third is not None:
            submit(session, found.made, 3, third)
        assert queue.counts(session, found.made.project_id)["slots"] == 3
        assert queue.counts(session, found.made.project_id, QueueKind.ADJUDICATE)["open"] == queued


def test_a_share_of_what_was_reviewed_is_audited_blind_by_somebody_else(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=20, n_users=2)
        projects.set_queue(session, made.project_id, QueueKind.AUDIT, user_id=None, audit_share=0.5)
        for _ in made.items:
            submit(session, made, 0, "acceptable")
        waits = queue.counts(session, made.project_id, QueueKind.AUDIT)["open"]
        assert 3 <= waits <= 17
        assert queue.claim_next(session, made.users[0], made.project_id, QueueKind.AUDIT) is None
        held = queue.claim_next(session, made.users[1], made.project_id, QueueKind.AUDIT)
        assert held is not None
        assert reviews.is_blind(session, session.get_one(tables.Assignment, held.assignment_id), made.users[1])
