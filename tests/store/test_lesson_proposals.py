"""Trials and proposals to retire, on both databases: what breaks more than it fixes is proposed, and a dismissal is remembered."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from core.types import LessonDraft, LessonKind
from store import items, lesson_proposals, lesson_trials, lessons, queue, reviews
from store.engine import Database
from store.tables import Lesson, LessonTrial
from tests.factories import ANSWER, Scene, build, corrected, review_of, scene


def active(session: Session, made: Scene, text: str = "Add from right to left.", sources: tuple[int, ...] = ()) -> int:
    draft = LessonDraft(LessonKind.RULE, text, "sums", sources)
    lesson_id = lessons.propose(session, made.project_id, [draft], author_id=None)[0]
    lessons.accept(session, lesson_id, made.users[0])
    return lesson_id


def tried(session: Session, made: Scene, lesson: int | None, n: int, without: bool, with_: bool) -> None:
    for _ in range(n):
        item = build(session, items.Item, project_id=made.project_id)
        build(
            session,
            LessonTrial,
            project_id=made.project_id,
            item_id=item.id,
            lesson_id=lesson,
            right_without=without,
            right_with=with_,
        )


def test_what_breaks_more_than_it_fixes_is_proposed_and_a_person_confirms(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        bad, good = active(session, made), active(session, made, "Check every sum.")
        tried(session, made, bad, 6, True, False)
        tried(session, made, good, 6, False, True)
    with db.write() as session:
        assert lesson_proposals.renew(session, [bad, good]) == [bad]
        assert lesson_proposals.renew(session, [bad, good]) == [], "once is enough"
    with db.write() as session:
        (row,) = lesson_proposals.proposals(session, made.project_id)
        assert row.lesson_id == bad and "broke 6 and fixed 0" in row.reason and row.figures["broken"] == 6
    with db.write() as session:
        lesson_proposals.decide(session, row.id, made.users[0], confirmed=True)
        assert lesson_proposals.proposals(session, made.project_id) == []
        assert lesson_proposals.renew(session, [good]) == []


def test_a_dismissal_is_remembered_until_there_is_new_evidence(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        bad = active(session, made)
        tried(session, made, bad, 6, True, False)
        lesson_proposals.renew(session, [bad])
        (row,) = lesson_proposals.proposals(session, made.project_id)
        lesson_proposals.decide(session, row.id, made.users[0], confirmed=False)
        with pytest.raises(lesson_proposals.Decided):
            lesson_proposals.decide(session, row.id, made.users[0], confirmed=True)
    with db.write() as session:
        tried(session, made, bad, 4, True, False)
        assert lesson_proposals.renew(session, [bad]) == [], "four more are not enough"
        tried(session, made, bad, 1, True, False)
        assert lesson_proposals.renew(session, [bad]) == [bad]


def test_an_open_proposal_follows_the_figures_and_is_withdrawn_with_them(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        bad = active(session, made)
        tried(session, made, bad, 5, True, False)
        lesson_proposals.renew(session, [bad])
        tried(session, made, bad, 1, True, False)
        lesson_proposals.renew(session, [bad])
        assert "broke 6" in lesson_proposals.proposals(session, made.project_id)[0].reason
        tried(session, made, bad, 6, False, True)
        lesson_proposals.renew(session, [bad])
        assert lesson_proposals.proposals(session, made.project_id) == []
        assert lesson_proposals.of_lesson(session, bad)[0].state == "withdrawn"


def test_another_wording_is_judged_anew(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        bad = active(session, made)
        tried(session, made, bad, 6, True, False)
        for trial in session.query(LessonTrial):
            trial.lesson_revision = 2
        session.flush()
        assert lesson_proposals.renew(session, [bad]) == [bad]
        lessons.edit(session, bad, made.users[0], text="Add from the left.")
        assert lesson_trials.effect_of(session, lessons.get(session, bad))["n"] == 0
        lesson_proposals.renew(session, [bad])
        assert lesson_proposals.proposals(session, made.project_id) == []


def test_votes_alone_can_propose_it(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        lesson = session.get_one(Lesson, active(session, made))
        lesson.not_relevant = 7
        session.flush()
        assert lesson_proposals.renew(session, [lesson.id]) == [lesson.id]


def test_items_that_were_decided_and_what_their_answers_are_compared_with(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=4)
        for place, item_id in enumerate(made.items):
            row = items.get(session, item_id)
            row.reference = "7" if place == 0 else None
        session.flush()
        claim = queue.claim_item(session, made.users[0], made.project_id, made.items[1])
        assert claim is not None
        reviews.submit(session, review_of(claim, made.users[0], "acceptable"), None, claim.token)
        new = reviews.NewCorrection(made.users[0], made.outputs[2], "no", rewrite="So it is 7.")
        reviews.add_correction(session, new)
        assert lesson_trials.decided(session, made.project_id) == made.items[:3]
        targets = [lesson_trials.target(session, items.get(session, id_)) for id_ in made.items]
    assert [one and (one.text, one.by) for one in targets] == [
        ("7", "reference"),
        (ANSWER, "accepted"),
        ("So it is 7.", "accepted"),
        None,
    ]


def test_what_an_item_taught_is_left_out_when_it_is_tried(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        own = active(session, made, sources=(corrected(session, made),))
        draft = LessonDraft(LessonKind.RULE, "Check every sum.", "sums", ())
        child = lessons.propose(session, made.project_id, [draft], author_id=None, parents=[own])[0]
        other = active(session, made, "Name the unit.", sources=(corrected(session, made, 1),))
        prompt = items.get(session, made.items[0]).prompt
        twin = LessonDraft(LessonKind.EXEMPLAR, f"Question: {prompt}\nAnswer: 7", prompt, ())
        exemplar = lessons.propose(session, made.project_id, [twin], author_id=None)[0]
        found = lesson_trials.own_lessons(session, items.get(session, made.items[0]))
    assert found == {own, child, exemplar} and other not in found


def test_the_draw_is_the_same_for_a_seed_and_another_for_another() -> None:
    ids = list(range(1, 200))
    first = lesson_trials.draw(ids, 10, 1)
    assert first == lesson_trials.draw(list(reversed(ids)), 10, 1) != lesson_trials.draw(ids, 10, 2)
    assert len(set(first)) == 10


def test_a_trial_is_kept_once_under_its_key(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        values = {
            "project_id": made.project_id,
            "item_id": made.items[0],
            "lesson_id": None,
            "lessons": [4, 4, 5],
            "text_without": "8",
            "text_with": "7",
            "right_without": False,
            "right_with": True,
            "judged_by": "reference",
            "seed": 1,
            "model": "test",
            "effect_key": "job:1:item:1",
        }
        assert lesson_trials.add(session, LessonTrial(**values)) is True
        assert lesson_trials.add(session, LessonTrial(**values)) is False
        assert lesson_trials.report(session, made.project_id)["fixed"] == 1
        assert lesson_trials.drawn_on(session, made.project_id) == {4: 1, 5: 1}
