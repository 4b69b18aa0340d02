"""Lessons: every form is kept, only active ones are given out, and a retraction reaches everything in one transaction."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from core.types import LessonDraft, LessonKind
from store import exports, lessons, reviews, tables, vectors
from store.engine import Database
from tests.conftest import Clock
from tests.factories import Scene, build, corrected, scene

MODEL = "test@1"


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=3)


def rule(text: str = "Check the last sum.", *sources: int) -> LessonDraft:
    return LessonDraft(LessonKind.RULE, text, "sums of small numbers", sources, why="it added wrongly")


def active(db: Database, made: Scene, *sources: int, parents: tuple[int, ...] = (), text: str = "Check.") -> int:
    """An active lesson with its vector."""
    with db.write() as session:
        (lesson_id,) = lessons.propose(
            session, made.project_id, [rule(text, *sources)], author_id=None, parents=parents
        )
        lessons.accept(session, lesson_id, made.users[0])
        put(session, made, lesson_id)
    return lesson_id


def put(session: object, made: Scene, lesson_id: int) -> None:
    vectors.put(
        session,  # type: ignore[arg-type]
        project_id=made.project_id,
        scope="rule",
        owner_kind="lesson",
        owner_id=lesson_id,
        model=MODEL,
        vector=np.array([1.0, 0.0]),
    )


def forms(db: Database, lesson_id: int) -> list[tuple[int, str, str]]:
    with db.read() as session:
        return [(row.revision, row.status, row.text) for row in lessons.lineage(session, lesson_id).revisions]


def test_proposals_are_made_once_per_effect(db: Database, made: Scene) -> None:
    drafts = [rule("one"), rule("two")]
    ids = []
    for _ in range(2):
        with db.write() as session:
            ids.append(lessons.propose(session, made.project_id, drafts, author_id=None, effect_key="job:1"))
    assert ids[0] == ids[1] and len(set(ids[0])) == 2


def test_each_form_of_a_lesson_is_kept(db: Database, made: Scene) -> None:
    user = made.users[0]
    with db.write() as session:
        (lesson_id,) = lessons.propose(session, made.project_id, [rule("first")], author_id=user)
        lessons.edit(session, lesson_id, user, text="second", why="clearer")
    with db.write() as session:
        lessons.accept(session, lesson_id, user, text="third", kind="exemplar")
        lessons.edit(session, lesson_id, user, text="third")  # no change, no revision
    with db.write() as session:
        lessons.retract(session, lesson_id, user, "wrong")
    assert forms(db, lesson_id) == [
        (1, "proposed", "first"),
        (2, "proposed", "second"),
        (3, "active", "third"),
        (4, "retracted", "third"),
    ]
    with db.read() as session:
        events = session.scalars(
            select(tables.AuditEvent).where(tables.AuditEvent.subject == "lesson").order_by(tables.AuditEvent.id)
        ).all()
        assert [event.action for event in events] == [
            "lesson.propose",
            "lesson.edit",
            "lesson.accept",
            "lesson.retract",
        ]
        assert (events[1].old, events[1].new) == ({"text": "first"}, {"text": "second", "why": "clearer"})


def test_only_active_and_valid_lessons_are_given_out(db: Database, made: Scene, clock: Clock) -> None:
    with db.write() as session:
        rows = {
            status: build(session, tables.Lesson, project_id=made.project_id, status=status).id
            for status in ("proposed", "active", "rejected", "suspended", "retracted")
        }
        late = build(session, tables.Lesson, status="active", valid_from=clock.forward(10)).id
        over = build(session, tables.Lesson, status="active", valid_to=clock.forward(-10)).id
    ids = [*rows.values(), late, over, 9999]
    with db.read() as session:
        assert set(lessons.active_texts(session, ids)) == {rows["active"]}
    clock.forward(10)
    with db.read() as session:
        assert set(lessons.active_texts(session, ids)) == {rows["active"], late}


@pytest.mark.parametrize("how", ["accept", "reject", "edit", "retract"])
def test_a_lesson_that_was_decided_meanwhile(db: Database, made: Scene, how: str) -> None:
    lesson_id = active(db, made)
    with db.write() as session:
        lessons.retract(session, lesson_id, made.users[0], "wrong")
    actions = {
        "accept": lambda s: lessons.accept(s, lesson_id, 1),
        "reject": lambda s: lessons.reject(s, lesson_id, 1),
        "edit": lambda s: lessons.edit(s, lesson_id, 1, text="x"),
        "retract": lambda s: lessons.retract(s, lesson_id, 1, "x"),
    }
    with pytest.raises(lessons.BadTransition, match="retracted by now"), db.write() as session:
        actions[how](session)


def test_a_lesson_says_something_and_a_retraction_says_why(db: Database, made: Scene) -> None:
    with pytest.raises(ValueError, match="says something"), db.write() as session:
        lessons.propose(session, made.project_id, [rule(" ")], author_id=None)
    lesson_id = active(db, made)
    with pytest.raises(ValueError, match="why"), db.write() as session:
        lessons.retract(session, lesson_id, made.users[0], " ")
    assert forms(db, lesson_id)[-1][1] == "active"


def test_a_changed_applicability_is_embedded_anew(db: Database, made: Scene) -> None:
    lesson_id = active(db, made)
    with db.write() as session:
        lessons.edit(session, lesson_id, made.users[0], text="Other words.")
        assert vectors.missing(session, made.project_id, MODEL) == []
        lessons.edit(session, lesson_id, made.users[0], applicability="all sums")
        assert [row.id for row in vectors.missing(session, made.project_id, MODEL)] == [lesson_id]
    with db.read() as session:
        assert [entry.op for entry in vectors.feed_after(session, 0)] == ["add", "remove"]


# --- retraction


def test_a_retraction_reaches_everything_at_once(db: Database, made: Scene) -> None:
    with db.write() as session:
        source, other = corrected(session, made, 0), corrected(session, made, 1)
        for correction in (source, other):
            vectors.put(
                session,
                project_id=made.project_id,
                scope="correction",
                owner_kind="correction",
                owner_id=correction,
                model=MODEL,
                vector=np.array([0.0, 1.0]),
            )
    parent = active(db, made, source, text="Add slowly.")
    child = active(db, made, parents=(parent,))
    grandchild = active(db, made, parents=(child,))
    bystander = active(db, made, other)
    with db.write() as session:
        export = exports.add(session, made.project_id, format="sft", schema_version=1, filters={}, user_id=None).id
        exports.finish(session, export, path="x.jsonl", rows=1, sha256="0" * 64)
        stood = vectors.last_seq(session)
    with db.write() as session:
        assert lessons.retract(session, parent, made.users[0], "too broad") == [child, grandchild]
    with db.read() as session:
        assert set(lessons.active_texts(session, [parent, child, grandchild, bystander])) == {bystander}
        assert vectors.all_in(session, made.project_id, "rule", MODEL)[0] == [bystander]
        assert vectors.all_in(session, made.project_id, "correction", MODEL)[0] == [other]
        assert not vectors.of(session, "lesson", [parent, child, grandchild], MODEL)
        removed = {(entry.scope, entry.owner_id) for entry in vectors.feed_after(session, stood)}
        assert removed == {("rule", parent), ("rule", child), ("rule", grandchild), ("correction", source)}
        stale = exports.get(session, export).stale_why
        assert stale is not None and "too broad" in stale
        said = [
            c.id
            for r in exports.records(session, made.project_id, filters={})
            for a in r.attempts
            for c in a.corrections
        ]
        assert said == [other]
        actions = session.scalars(select(tables.AuditEvent.action).order_by(tables.AuditEvent.id)).all()
        assert actions[-4:] == ["lesson.retract", "lesson.suspend", "lesson.suspend", "export.stale"]
    assert forms(db, grandchild)[-1][1] == "suspended"


def test_a_retraction_that_fails_half_way_changes_nothing(
    db: Database, made: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson_id = active(db, made)

    def fail(*args: object) -> list[int]:
        raise RuntimeError("power cut")

    monkeypatch.setattr("store.lessons.retracting._exports_with", fail)
    with pytest.raises(RuntimeError), db.write() as session:
        lessons.retract(session, lesson_id, made.users[0], "wrong")
    with db.read() as session:
        assert set(lessons.active_texts(session, [lesson_id])) == {lesson_id}
        assert vectors.all_in(session, made.project_id, "rule", MODEL)[0] == [lesson_id]


def test_exports_that_cannot_hold_it_stay_good(db: Database, made: Scene, clock: Clock) -> None:
    def export(project_id: int, *, finished: bool = True) -> int:
        with db.write() as session:
            row = exports.add(session, project_id, format="sft", schema_version=1, filters={}, user_id=None)
            if finished:
                exports.finish(session, row.id, path="x", rows=1, sha256="0" * 64)
            return row.id

    before, slow = export(made.project_id), export(made.project_id, finished=False)
    clock.forward(60)
    with db.write() as session:
        source = corrected(session, made)
        elsewhere = scene(session).project_id
    lesson_id = active(db, made, source)
    clock.forward(60)
    after, foreign = export(made.project_id), export(elsewhere)
    with db.write() as session:
        lessons.retract(session, lesson_id, made.users[0], "wrong")
    with db.read() as session:
        stale = {id_: exports.get(session, id_).stale_why is not None for id_ in (before, slow, after, foreign)}
    assert stale == {before: False, slow: True, after: True, foreign: False}


def test_an_export_of_an_answer_that_had_it_in_its_prompt_is_stale(db: Database, made: Scene) -> None:
    lesson_id = active(db, made)
    with db.write() as session:
        build(session, tables.Retrieval, output_id=made.outputs[0], lesson_id=lesson_id)
        export = exports.add(session, made.project_id, format="sft", schema_version=1, filters={}, user_id=None).id
        lessons.retract(session, lesson_id, made.users[0], "wrong")
    with db.read() as session:
        assert exports.get(session, export).stale_why


def test_lessons_made_from_each_other_in_a_ring_are_all_suspended(db: Database, made: Scene) -> None:
    a = active(db, made)
    b = active(db, made, parents=(a,))
    with db.write() as session:
        session.add(tables.LessonParent(lesson_id=a, parent_id=b))
    with db.write() as session:
        assert lessons.retract(session, a, made.users[0], "wrong") == [b]


def test_a_suspended_lesson_can_be_accepted_again(db: Database, made: Scene) -> None:
    parent = active(db, made)
    child = active(db, made, parents=(parent,))
    with db.write() as session:
        lessons.retract(session, parent, made.users[0], "wrong")
        lessons.accept(session, child, made.users[0], text="Without the wrong part.")
        assert [row.id for row in vectors.missing(session, made.project_id, MODEL)] == [child]


# --- reading


def test_pages_filters_and_search(db: Database, made: Scene) -> None:
    with db.write() as session:
        drafts = [rule(f"rule {n}") for n in range(5)]
        ids = lessons.propose(session, made.project_id, drafts, author_id=None)
        lessons.accept(session, ids[2], made.users[0])
        lessons.propose(session, scene(session).project_id, [rule("elsewhere")], author_id=None)
    with db.read() as session:
        first = lessons.page(session, made.project_id, limit=3)
        rest = lessons.page(session, made.project_id, after=first[-1].id, limit=3)
        assert [row.id for row in [*first, *rest]] == ids[::-1]
        assert [row.id for row in lessons.page(session, made.project_id, status="active")] == [ids[2]]
        assert [row.id for row in lessons.page(session, made.project_id, text="RULE 3")] == [ids[3]]
        assert lessons.page(session, made.project_id, kind="exemplar") == []
        assert lessons.recent(session, made.project_id, 1)[0].id == ids[2]
        assert lessons.revisions_of(session, ids[:3]) == {ids[0]: 1, ids[1]: 1, ids[2]: 2}


def test_lineage_goes_both_ways(db: Database, made: Scene) -> None:
    with db.write() as session:
        source = corrected(session, made)
    parent = active(db, made, source)
    child = active(db, made, parents=(parent,))
    with db.write() as session:
        build(session, tables.Retrieval, output_id=made.outputs[2], lesson_id=parent)
    with db.read() as session:
        found = lessons.lineage(session, parent)
        assert [row.id for row in found.sources] == [source]
        assert [row.id for row in found.children] == [child]
        assert [row.id for row in found.used_in] == [made.outputs[2]]
        assert [row.id for row in lessons.lineage(session, child).parents] == [parent]
        with pytest.raises(LookupError):
            lessons.lineage(session, 9999)
        assert len(reviews.corrections_for(session, made.items[0])) == 1
