"""Merging, splitting and settling by hand: one transaction each, nothing deleted, and a way back."""

from __future__ import annotations

import numpy as np
import pytest

from core.types import LessonDraft, LessonKind
from store import lesson_merging, lesson_use, lessons, tables, vectors
from store.engine import Database
from tests.factories import Scene, build, corrected, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session)


def add(db: Database, made: Scene, text: str, *, accept: bool = True, **more: object) -> int:
    with db.write() as session:
        source = corrected(session, made, text=text)
        draft = LessonDraft(LessonKind.RULE, text, "sums", (source,), **more)  # type: ignore[arg-type]
        (id_,) = lessons.propose(session, made.project_id, [draft], author_id=None)
        if accept:
            lessons.accept(session, id_, made.users[0])
            vector = np.array([1.0, 0.0])
            vectors.put(
                session,
                project_id=made.project_id,
                scope="rule",
                owner_kind="lesson",
                owner_id=id_,
                model="m",
                vector=vector,
            )
    return id_


def status(db: Database, *ids: int) -> list[str]:
    with db.read() as session:
        return [lessons.get(session, id_).status for id_ in ids]


def test_merged_lessons_become_one_with_all_sources_and_can_be_had_back(db: Database, made: Scene) -> None:
    one, two = add(db, made, "Check sums."), add(db, made, "Check totals.", accept=False)
    user = made.users[0]
    with db.write() as session:
        new = lesson_merging.merge(
            session, [one, two], user, kind="rule", text="Check sums and totals.", applicability="sums"
        ).id
    assert status(db, one, two, new) == ["suspended", "suspended", "active"]
    with db.read() as session:
        line = lessons.lineage(session, new)
        assert [parent.id for parent in line.parents] == [one, two]
        assert {source.text for source in line.sources} == {"Check sums.", "Check totals."}
        assert lessons.lineage(session, one).revisions[-1].why == f"merged into lesson {new}"
        assert vectors.of(session, "lesson", [one], "m") == {}
    with db.write() as session:
        assert lesson_merging.undo(session, new, user) == ([one, two], [new])
    assert status(db, one, two, new) == ["active", "proposed", "suspended"]
    with db.write() as session, pytest.raises(ValueError, match="supersedes none"):
        lesson_merging.undo(session, new, user)


def test_one_that_is_turned_down_stops_the_merge_before_anything_is_changed(db: Database, made: Scene) -> None:
    one, two = add(db, made, "Check sums."), add(db, made, "Check totals.", accept=False)
    with db.write() as session:
        lessons.reject(session, two, made.users[0])
    with pytest.raises(lessons.BadTransition), db.write() as session:
        lesson_merging.merge(session, [one, two], made.users[0], kind="rule", text="x", applicability="y")
    with pytest.raises(ValueError, match="2 to 20"), db.write() as session:
        lesson_merging.merge(session, [one, one], made.users[0], kind="rule", text="x", applicability="y")
    assert status(db, one, two) == ["active", "rejected"]


def test_a_split_lesson_is_superseded_by_its_parts_and_can_be_had_back(db: Database, made: Scene) -> None:
    one = add(db, made, "Check sums. Name units.")
    with db.write() as session:
        parts = lesson_merging.split(
            session, one, made.users[0], texts=["Check sums.", "Name units."], applicability="sums"
        )
        ids = [part.id for part in parts]
    assert status(db, one, *ids) == ["suspended", "active", "active"]
    with db.write() as session:
        assert lesson_merging.undo(session, ids[1], made.users[0]) == ([one], ids)
    assert status(db, one, *ids) == ["active", "suspended", "suspended"]


@pytest.mark.parametrize(
    ("keep", "after"),
    [("this", ["active", "suspended"]), ("other", ["rejected", "active"]), ("both", ["active", "active"])],
)
def test_a_contradiction_is_settled_with_revisions(db: Database, made: Scene, keep: str, after: list[str]) -> None:
    old = add(db, made, "Check sums.")
    new = add(db, made, "Never check sums.", accept=False, extra={"related": [[old, "contradicts"]]})
    with db.write() as session:
        assert [one.id for one in lesson_merging.contradictions(session, lessons.get(session, new))] == [old]
        lesson_merging.settle(session, new, old, made.users[0], keep)
    assert status(db, new, old) == after
    with db.read() as session:
        assert lesson_merging.contradictions(session, lessons.get(session, new)) == []
        for id_, other in ((new, old), (old, new)):
            assert f"contradicts lesson {other}" in lessons.lineage(session, id_).revisions[-1].why
    with pytest.raises(ValueError), db.write() as session:
        lesson_merging.settle(session, new, old, made.users[0], keep)


def test_another_kind_takes_the_lesson_out_of_its_index(db: Database, made: Scene) -> None:
    one = add(db, made, "Check sums.")
    for changed in (True, False):
        with db.write() as session:
            assert lesson_merging.set_kind(session, one, made.users[0], "missing_step") is changed
    with db.read() as session:
        assert vectors.of(session, "lesson", [one], "m") == {} and lessons.get(session, one).kind == "missing_step"


def test_use_is_told_with_what_people_said(db: Database, made: Scene) -> None:
    one = add(db, made, "Check sums.")
    with db.write() as session:
        for output, vote, verdict in zip(
            made.outputs, ("used", "not_relevant", None), ("faulty", "acceptable", None), strict=True
        ):
            build(session, tables.Retrieval, lesson_id=one, output_id=output, vote=vote)
            if verdict:
                build(session, tables.Review, output_id=output, user_id=made.users[0], verdict=verdict)
    with db.read() as session:
        (week,) = lesson_use.weeks(session, one)
        assert (week.retrieved, week.used, week.not_relevant, week.judged, week.accepted) == (3, 1, 1, 2, 1)
        assert [use.verdict for use in lesson_use.newest(session, one)] == [None, "acceptable", "faulty"]
        assert lesson_use.weeks(session, one + 1) == []
