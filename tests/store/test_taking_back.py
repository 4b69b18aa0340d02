"""Taking back: by filter in one transaction, with a preview that tells the same, and everything can be rolled back."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import func, select

from core.types import LessonDraft, LessonKind, Verdict
from store import exports, jobs, judgements, lessons, notebook, reviews, tables, vectors
from store.engine import Database
from store.lessons import Filter
from tests.conftest import Clock
from tests.factories import Scene, build, scene

MODEL = "test@1"


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=4)


def correction(db: Database, made: Scene, item: int, person: int = 0, text: str = "7, not 8") -> int:
    with db.write() as session:
        new = reviews.NewCorrection(made.users[person], made.outputs[item], text, step_index=1)
        row = reviews.add_correction(session, new)
        _vector(session, made, "correction", "correction", row.id)
        return row.id


def active(db: Database, made: Scene, *sources: int, parents: tuple[int, ...] = (), text: str = "Check.") -> int:
    with db.write() as session:
        draft = LessonDraft(LessonKind.RULE, text, "sums", sources)
        (lesson_id,) = lessons.propose(session, made.project_id, [draft], author_id=None, parents=parents)
        lessons.accept(session, lesson_id, made.users[0])
        _vector(session, made, "rule", "lesson", lesson_id)
    return lesson_id


def _vector(
    session: object, made: Scene, scope: str, kind: str, owner: int, at: tuple[float, ...] = (1.0, 0.0)
) -> None:
    vectors.put(
        session,  # type: ignore[arg-type]
        project_id=made.project_id,
        scope=scope,
        owner_kind=kind,
        owner_id=owner,
        model=MODEL,
        vector=np.array(at),
    )


def export(db: Database, made: Scene, form: str = "sft") -> int:
    with db.write() as session:
        row = exports.add(session, made.project_id, format=form, schema_version=1, filters={}, user_id=None)
        exports.finish(session, row.id, path="x", rows=1, sha256="0" * 64)
        return row.id


def back(db: Database, made: Scene, why: str = "a wrong guideline", **wanted: object) -> tuple[int, lessons.Reach]:
    with db.write() as session:
        row, found = lessons.retract_many(session, made.project_id, Filter(**wanted), made.users[1], why)  # type: ignore[arg-type]
        return row.id, found


def undone(db: Database, made: Scene, retraction: int) -> lessons.Undone:
    with db.write() as session:
        return lessons.undo(session, retraction, made.users[1], "it was right after all")


def status(db: Database, *ids: int) -> list[str]:
    with db.read() as session:
        return [lessons.get(session, id_).status for id_ in ids]


def exported(db: Database, made: Scene) -> list[int]:
    with db.read() as session:
        found = exports.records(session, made.project_id, filters={})
        return sorted(c.id for record in found for attempt in record.attempts for c in attempt.corrections)


def searchable(db: Database, made: Scene) -> tuple[list[int], list[int]]:
    with db.read() as session:
        rules = vectors.all_in(session, made.project_id, "rule", MODEL)[0]
        return rules, vectors.all_in(session, made.project_id, "correction", MODEL)[0]


def test_all_of_one_author_in_one_transaction_and_the_preview_said_so(db: Database, made: Scene) -> None:
    bad, good = correction(db, made, 0, person=1), correction(db, made, 1, person=0)
    alone, both, bystander = active(db, made, bad), active(db, made, bad, good), active(db, made, good)
    child = active(db, made, parents=(both,))
    file = export(db, made)
    with db.write() as session:
        build(session, tables.Retrieval, output_id=made.outputs[2], lesson_id=alone)
    with db.read() as session:
        told = lessons.reach(session, made.project_id, Filter(author_id=made.users[1]))
    assert status(db, alone, both) == ["active", "active"], "a preview changes nothing"
    number, found = back(db, made, author_id=made.users[1])
    assert found == told
    assert (found.chosen.lessons, found.chosen.corrections) == ([alone], [bad])
    assert (set(found.suspended), found.outputs, found.newly_stale) == ({both, child}, 1, (file,))
    assert "1 more remain" in found.suspended[both] and f"lesson {both}" in found.suspended[child]
    assert status(db, alone, both, child, bystander) == ["retracted", "suspended", "suspended", "active"]
    assert searchable(db, made) == ([bystander], [good])
    assert exported(db, made) == [good]
    with db.read() as session:
        row = lessons.get_retraction(session, number)
        assert (row.user_id, row.why, row.filter) == (made.users[1], "a wrong guideline", {"author_id": made.users[1]})
        assert "a wrong guideline" in (exports.get(session, file).stale_why or "")
        revision = lessons.lineage(session, alone).revisions[-1]
        assert (revision.status, revision.author_id, revision.why) == ("retracted", made.users[1], "a wrong guideline")


def test_a_knowledge_base_is_stale_by_a_lesson_that_nothing_came_of(db: Database, made: Scene) -> None:
    earlier, rows = export(db, made, "lessons"), export(db, made)
    taught = active(db, made)
    child = active(db, made, parents=(taught,))
    file = export(db, made, "lessons")
    _, found = back(db, made, lesson_ids=(taught,))
    assert list(found.suspended) == [child] and found.newly_stale == (file,)
    with db.read() as session:
        assert exports.get(session, file).stale_why
        assert exports.get(session, earlier).stale_why is None and exports.get(session, rows).stale_why is None


def test_undo_brings_all_back_as_it_was(db: Database, made: Scene) -> None:
    bad, good = correction(db, made, 0, person=1), correction(db, made, 1)
    alone, both = active(db, made, bad), active(db, made, bad, good)
    before = export(db, made)
    with db.write() as session:
        draft = LessonDraft(LessonKind.RULE, "Perhaps.", "sums", (bad,))
        (proposed,) = lessons.propose(session, made.project_id, [draft], author_id=None)
    number, _ = back(db, made, author_id=made.users[1])
    meanwhile = export(db, made)
    with db.write() as session:
        key = f"{lessons.proposed_key(number)}x"
        stand_in = LessonDraft(LessonKind.RULE, "Instead.", "sums", (good,))
        (instead,) = lessons.propose(session, made.project_id, [stand_in], author_id=None, effect_key=key)
    found = undone(db, made, number)
    assert (found.lessons, found.kept, found.turned_down) == ([alone, both, proposed], [], [instead])
    assert (found.good, found.stale) == ([before], [meanwhile])
    assert status(db, alone, both, proposed, instead) == ["active", "active", "proposed", "rejected"]
    assert exported(db, made) == [bad, good]
    with db.read() as session:
        assert [row.id for row in vectors.missing(session, made.project_id, MODEL)] == [alone, both]
        assert [row.id for row in vectors.missing_corrections(session, made.project_id, MODEL)] == [bad]
        assert exports.get(session, before).stale_why is None and exports.get(session, meanwhile).stale_why
        assert set(lessons.active_texts(session, [alone, both])) == {alone, both}, "and valid again"
        forms = [(row.status, row.author_id) for row in lessons.lineage(session, alone).revisions]
        assert forms[-2:] == [("retracted", made.users[1]), ("active", made.users[1])]
        row = lessons.get_retraction(session, number)
        assert (row.undone_by, row.undone_why) == (made.users[1], "it was right after all") and row.undone_at
    with pytest.raises(lessons.BadTransition, match="undone already"):
        undone(db, made, number)


def test_what_two_retractions_hold_comes_back_with_the_second(db: Database, made: Scene) -> None:
    bad, good = correction(db, made, 0, person=1), correction(db, made, 1)
    both = active(db, made, bad, good)
    file = export(db, made)
    first, _ = back(db, made, author_id=made.users[1])
    second, _ = back(db, made, lesson_ids=(both,), why="worded badly")
    assert undone(db, made, first).kept == [both]
    assert status(db, both) == ["retracted"] and exported(db, made) == []
    with db.read() as session:
        assert exports.get(session, file).stale_why
    assert undone(db, made, second).lessons == [both]
    assert status(db, both) == ["active"] and exported(db, made) == [bad, good]


def test_the_order_of_undoing_does_not_matter(db: Database, made: Scene) -> None:
    bad, good = correction(db, made, 0, person=1), correction(db, made, 1)
    both = active(db, made, bad, good)
    first, _ = back(db, made, author_id=made.users[1])
    second, _ = back(db, made, lesson_ids=(both,))
    undone(db, made, second)
    assert status(db, both) == ["suspended"] and exported(db, made) == [good]
    undone(db, made, first)
    assert status(db, both) == ["active"] and exported(db, made) == [bad, good]


def test_what_a_person_decided_since_stays(db: Database, made: Scene) -> None:
    parent = active(db, made)
    child = active(db, made, parents=(parent,))
    number, _ = back(db, made, lesson_ids=(parent,))
    with db.write() as session:
        lessons.accept(session, child, made.users[0], text="Without the wrong part.")
    found = undone(db, made, number)
    assert (found.lessons, found.kept) == ([parent], [child])
    with db.read() as session:
        assert lessons.get(session, child).text == "Without the wrong part."


def test_by_time_import_place_words_and_kind(db: Database, made: Scene, clock: Clock) -> None:
    early = correction(db, made, 0, text="the total is wrong")
    clock.forward(3600)
    with db.write() as session:
        job, _ = jobs.create(session, "import", {}, priority=50, project_id=made.project_id)
        job.started_at = clock.moment
        item = build(session, tables.Item, project_id=made.project_id, created_at=clock.forward(10))
        output = build(session, tables.Output, item_id=item.id)
        job.finished_at = clock.forward(10)
        brought = build(session, tables.Correction, output_id=output.id, user_id=made.users[0], text="in words").id
    late = correction(db, made, 1, text="say the unit")
    sums, units = active(db, made, early, text="Add again."), active(db, made, late, text="Name the unit.")
    with db.write() as session:
        lessons.edit(session, units, made.users[0], text="Name the unit first.")

    def found(**wanted: object) -> tuple[list[int], list[int]]:
        with db.read() as session:
            got = lessons.chosen(session, made.project_id, Filter(**wanted))  # type: ignore[arg-type]
            return got.lessons, got.corrections

    middle = clock.moment.replace(hour=9, minute=30)
    assert found(until=middle) == ([sums], [early])
    assert found(since=middle) == ([units], [brought, late])
    assert found(import_id=job.id) == ([], [brought])
    assert found(item_id=made.items[0]) == found(output_id=made.outputs[0]) == ([sums], [early])
    assert found(said="TOTAL") == ([sums], [early])
    assert found(text="unit FIRST") == ([units], [late])
    assert found(kind="exemplar") == ([], [])
    assert found(kind="rule", author_id=made.users[0], since=middle) == ([units], [late])
    with pytest.raises(ValueError, match="say what is to be taken back"):
        found(reviews=True)
    with pytest.raises(LookupError, match="no import"):
        found(import_id=9999)
    with pytest.raises(LookupError, match="no lesson 9999"):
        found(lesson_ids=(9999,))
    with pytest.raises(ValueError, match="nothing was found"):
        back(db, made, kind="exemplar")


def test_reviews_that_are_taken_back_count_nowhere(db: Database, made: Scene) -> None:
    with db.write() as session:
        kept, gone = (
            build(session, tables.Review, output_id=made.outputs[k], user_id=made.users[k], first_wrong_step=1)
            for k in (0, 1)
        )
        ids = kept.id, gone.id
    file = export(db, made)
    number, found = back(db, made, author_id=made.users[1], reviews=True)
    assert (found.chosen.reviews, found.newly_stale) == ([ids[1]], (file,))

    def counted() -> tuple[int, list[Verdict | None], int]:
        with db.read() as session:
            rows = judgements.risk_rows(session, made.project_id)
            labels = notebook.labels(session, notebook.step_reviews(session, made.project_id))
            records = list(exports.records(session, made.project_id, filters={}))
            return len(labels), [row.verdict for row in rows[:2]], len(records)

    assert counted() == (1, [Verdict.FAULTY, None], 1)
    undone(db, made, number)
    assert counted() == (2, [Verdict.FAULTY, Verdict.FAULTY], 2)


def test_what_was_taken_back_is_not_in_the_history_that_prompts_and_distillers_read(db: Database, made: Scene) -> None:
    bad = correction(db, made, 0)
    number, _ = back(db, made, correction_ids=(bad,))
    with db.read() as session:
        assert [a.correction for a in reviews.history(session, made.items[0]).attempts] == [None]
    undone(db, made, number)
    with db.read() as session:
        assert [a.correction is not None for a in reviews.history(session, made.items[0]).attempts] == [True]


def test_a_retraction_of_many_that_fails_half_way_changes_nothing(
    db: Database, made: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = correction(db, made, 0, person=1)
    alone = active(db, made, bad)

    def fail(*args: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("store.lessons.retracting._mark_stale", fail)
    with pytest.raises(RuntimeError):
        back(db, made, author_id=made.users[1])
    assert status(db, alone) == ["active"] and searchable(db, made) == ([alone], [bad])
    with db.read() as session:
        assert session.scalar(select(func.count(tables.Retraction.id))) == 0


def test_suspects_share_author_time_import_or_meaning_and_say_which(db: Database, made: Scene, clock: Clock) -> None:
    known = correction(db, made, 0, person=1)
    clock.forward(600)
    same_hour = correction(db, made, 1, person=0)
    clock.forward(86_400)
    same_person = correction(db, made, 2, person=1)
    near, far = correction(db, made, 3), correction(db, made, 3)
    with db.write() as session:
        _vector(session, made, "correction", "correction", far, (0.0, 1.0))
        for other in (same_hour, same_person):
            _vector(session, made, "correction", "correction", other, (0.0, 1.0))
    lesson = active(db, made, near)
    with db.read() as session:
        found = lessons.suspects(session, made.project_id, corrections=[known])
    assert [one.correction_id for one in found] == [same_person, near, same_hour]
    assert (
        "also by" in found[0].reasons[0]
        and "near correction" in found[1].reasons[0]
        and "10 min" in found[2].reasons[0]
    )
    assert found[1].lessons == (lesson,)
    back(db, made, correction_ids=(known, same_person))
    with db.read() as session:
        again = lessons.suspects(session, made.project_id, corrections=[known], vectors={known: np.array([1.0, 0.0])})
    assert [one.correction_id for one in again] == [near, same_hour], "its vector is gone; one made again does as well"
