"""Edit suites on both databases: made once per wording, stale with it, and what people add or take out stays so."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from core.lessons.edit_suite import Made, Probe, ProbeKind, suite
from core.types import LessonDraft, LessonKind
from store import audit, edit_suites, lessons
from store.edit_suites import NewRun
from store.engine import Database
from store.tables import Lesson
from tests.factories import Scene, scene

OWN = Probe(ProbeKind.CANONICAL, "Ann has 3 apples and buys 4. How many?", Made.SOURCE, answer="7")


def proposed(session: Session) -> tuple[Scene, Lesson]:
    made = scene(session)
    draft = LessonDraft(LessonKind.RULE, "Add from right to left.", "sums", ())
    return made, lessons.get(session, lessons.propose(session, made.project_id, [draft], author_id=None)[0])


def test_a_suite_is_made_once_and_outlives_acceptance(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        first = edit_suites.put(session, lesson, suite(OWN, [], []))
        assert [probe.kind for probe in first] == ["canonical", "paraphrase", "paraphrase", "negative"]
        lessons.accept(session, lesson.id, made.users[0])
        again = edit_suites.put(session, lesson, suite(OWN, [], []))
        assert [probe.id for probe in again] == [probe.id for probe in first], "the wording is the same"


def test_another_wording_makes_the_old_probes_stale_but_not_those_of_people(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        old = edit_suites.put(session, lesson, suite(OWN, [], []))
        mine = edit_suites.add(session, lesson, "paraphrase", "And with pears?", made.users[0])
        lessons.edit(session, lesson.id, made.users[0], text="Add from left to right.")
        wording = edit_suites.wording_revision(session, lesson)
        assert all(edit_suites.is_stale(probe, wording) for probe in old)
        assert [probe.id for probe in edit_suites.standing(session, lesson)] == [mine.id]
        new = edit_suites.put(session, lesson, suite(OWN, [], []))
        assert len(new) == 5 and mine.id in {probe.id for probe in new}
        assert len(edit_suites.probes(session, lesson.id)) == 9, "the old ones are kept"


def test_a_probe_that_a_person_took_out_does_not_come_back(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        rows = edit_suites.put(session, lesson, suite(OWN, [], []))
        edit_suites.remove(session, rows[-1].id, made.users[0])
        with pytest.raises(ValueError, match="the lesson came from"):
            edit_suites.remove(session, rows[0].id, made.users[0])
        assert [probe.kind for probe in edit_suites.put(session, lesson, suite(OWN, [], []))][-1] == "paraphrase"
        lessons.edit(session, lesson.id, made.users[0], text="Add from left to right.")
        assert [probe.kind for probe in edit_suites.put(session, lesson, suite(OWN, [], []))][-1] == "paraphrase"
        actions = [event.action for event in audit.page(session)]
    assert "probe.remove" in actions


def test_a_better_probe_takes_the_place_of_a_made_one(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        edit_suites.put(session, lesson, suite(OWN, [], []))
        real = Probe(ProbeKind.NEGATIVE, "Write a poem.", Made.NEAR, item_id=made.items[0])
        now = edit_suites.put(session, lesson, suite(OWN, [], [real]))
        assert [probe.made for probe in now if probe.kind == "negative"] == ["near"]


def test_what_people_add_is_checked(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        for kind, text in (("paraphrase", "  "), ("canonical", "x"), ("nothing", "x")):
            with pytest.raises(ValueError, match="probe"):
                edit_suites.add(session, lesson, kind, text, made.users[0])
        edit_suites.add(session, lesson, "negative", "Write a poem.", made.users[0])
        with pytest.raises(ValueError, match="already"):
            edit_suites.add(session, lesson, "negative", "Write a poem. ", made.users[0])
        with pytest.raises(LookupError):
            edit_suites.remove(session, 999_999, made.users[0])


def test_a_run_is_kept_once_and_is_of_its_wording(db: Database) -> None:
    with db.write() as session:
        made, lesson = proposed(session)
        lessons.accept(session, lesson.id, made.users[0])
        run = NewRun(True, 2, 1, 1, 0, [{"probe": 1, "found": True}], "test", None, "job:1:probe:1")
        first = edit_suites.add_run(session, lesson, run)
        assert edit_suites.add_run(session, lesson, run).id == first.id
        assert edit_suites.known_runs(session, ["job:1:probe:1", "x"]) == {"job:1:probe:1"}
        newest = edit_suites.newest_run(session, lesson)
        assert newest is not None and newest.id == first.id
        lessons.edit(session, lesson.id, made.users[0], applicability="other sums")
        assert edit_suites.newest_run(session, lesson) is None and len(edit_suites.runs(session, lesson.id)) == 1
