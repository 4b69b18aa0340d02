"""What records hold when a format asks for more, what a project has to export, and who judged it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from core.exporters.base import ExportRecord, Need
from core.types import LessonDraft, LessonKind
from store import export_facts, exports, lessons, reviews, tables
from store.engine import Database
from tests.factories import Scene, build, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=3, n_users=3, queued=False)


def records(session: Session, made: Scene, *extras: str) -> list[ExportRecord]:
    return list(exports.records(session, made.project_id, filters={}, extras=extras))


def rejected(session: Session, made: Scene, **values: Any) -> tables.Correction:
    build(
        session,
        tables.Review,
        output_id=made.outputs[0],
        user_id=made.users[0],
        first_wrong_step=1,
        error_type="calculation",
    )
    new = reviews.NewCorrection(made.users[0], made.outputs[0], "7, not 8", step_index=1, **values)
    return reviews.add_correction(session, new)


def test_records_hold_what_is_asked_for(db: Database, made: Scene) -> None:
    with db.write() as session:
        said = rejected(session, made)
        build(session, tables.Critique, output_id=made.outputs[0], step_index=1, source="b", explanation="no")
        build(session, tables.Critique, output_id=made.outputs[0], step_index=0, source="a", label=1, explanation="yes")
        build(session, tables.Rollout, item_id=made.items[0], output_id=made.outputs[0], prefix_steps=1, outcome=True)
        other = build(session, tables.Output, item_id=made.items[0], attempt=2, parent_id=made.outputs[0])
        build(session, tables.Critique, output_id=other.id, source="a", explanation="of another")
        ids = lessons.propose(
            session,
            made.project_id,
            [LessonDraft(LessonKind.RULE, text, "sums", (said.id,)) for text in ("Add slowly.", "Never mind.")],
            author_id=made.users[0],
        )
        lessons.accept(session, ids[0], made.users[1])
    with db.read() as session:
        (plain,) = records(session, made)
        assert (plain.others, plain.lessons, plain.attempts[0].critiques, plain.attempts[0].rollouts) == (
            (),
            (),
            (),
            (),
        )
        assert (plain.attempts[0].error_type, plain.attempts[0].origin) == ("calculation", "generated")
        (full,) = records(session, made, "critiques", "rollouts", "others", "lessons")
        assert [(c.step_index, c.source, c.label) for c in full.attempts[0].critiques] == [(0, "a", 1), (1, "b", -1)]
        assert [(r.prefix_steps, r.right) for r in full.attempts[0].rollouts] == [(1, True)]
        assert [(o.output_id, o.parent_id, o.number) for o in full.others] == [(other.id, made.outputs[0], 2)]
        assert [c.explanation for c in full.others[0].critiques] == ["of another"]
        assert [lesson.text for lesson in full.lessons] == ["Add slowly."]
        with pytest.raises(ValueError, match="records have no colour"):
            records(session, made, "colour")


def test_people_who_agree_are_counted(db: Database, made: Scene) -> None:
    with db.write() as session:
        for user, wrong in zip(made.users, (1, 0, 1), strict=True):
            build(
                session,
                tables.Review,
                output_id=made.outputs[0],
                user_id=user,
                first_wrong_step=wrong,
                seconds=user * 1.0,
            )
        build(session, tables.Review, output_id=made.outputs[1], user_id=made.users[0], verdict="acceptable", seconds=9)
        build(session, tables.Review, output_id=made.outputs[1], user_id=made.users[1], verdict="faulty", seconds=None)
    with db.read() as session:
        first = records(session, made)[0].attempts[0]
        assert (first.reviews, first.agreeing) == (3, 2)
        people = export_facts.people(session, made.project_id, {})
        assert [(a.number, a.reviews) for a in people.annotators] == [(1, 2), (2, 2), (3, 1)]
        assert people.annotators[0].verdicts == {"acceptable": 1, "faulty": 1}
        assert (people.agreed, people.pairs) == (3, 4)
        only = export_facts.people(session, made.project_id, {"verdict": "acceptable"})
        assert [(a.reviews, a.seconds) for a in only.annotators] == [(1, 9.0)] and only.pairs == 0


def test_a_new_project_has_next_to_nothing(db: Database, made: Scene) -> None:
    with db.read() as session:
        assert export_facts.has(session, made.project_id) == {Need.OUTCOME}  # its items have references
        assert export_facts.people(session, made.project_id, {}).annotators == ()


def test_what_a_project_has_grows_with_what_people_do(db: Database, made: Scene) -> None:
    with db.write() as session:
        said = rejected(session, made)
    with db.read() as session:
        found = export_facts.has(session, made.project_id)
        assert found == {Need.OUTCOME, Need.FAULTY, Need.JUDGED, Need.STEPS, Need.FIRST_WRONG, Need.WORDS}
    with db.write() as session:
        reviews.add_correction(session, reviews.NewCorrection(made.users[0], made.outputs[0], "", rewrite="It is 7."))
        build(session, tables.Output, item_id=made.items[0], attempt=2)
        build(session, tables.Critique, output_id=made.outputs[0], explanation="no")
        build(session, tables.Rollout, item_id=made.items[0], output_id=made.outputs[0], outcome=False)
        draft = LessonDraft(LessonKind.RULE, "Add slowly.", "sums", (said.id,))
        (lesson,) = lessons.propose(session, made.project_id, [draft], author_id=made.users[0])
    with db.read() as session:
        assert export_facts.has(session, made.project_id) == set(Need) - {Need.LESSON}  # only proposed yet
    with db.write() as session:
        lessons.accept(session, lesson, made.users[1])
    with db.read() as session:
        assert export_facts.has(session, made.project_id) == set(Need)


def test_a_rewrite_with_nul_is_kept_as_edits_that_fit(db: Database, made: Scene) -> None:
    from core import edits

    with db.write() as session:
        said = rejected(session, made, rewrite="It\0 is 7.\ud83d")
        output = session.get_one(tables.Output, made.outputs[0])
        assert edits.apply(output.text, edits.from_json(said.edits)) == said.rewrite == "It is 7.\ufffd"
