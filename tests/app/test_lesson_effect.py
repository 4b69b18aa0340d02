"""The part *Does it help?* of a lesson's page, what its buttons do, and what programs read of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import auth, lesson_retiring
from app.auth import Person
from app.pages.lesson_gates import parts
from app.view import lesson_effect
from app.worker import engine
from core.lessons.edit_suite import Made, Probe, ProbeKind, suite
from core.types import LessonDraft, LessonKind, LessonStatus, Role
from store import edit_suites, lesson_proposals, lessons, projects
from store.edit_suites import NewRun
from store.engine import Database
from store.tables import Item, Job, Lesson, LessonTrial
from tests.app.conftest import Web
from tests.app.programs import open_api
from tests.factories import build, scene

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def judged(session: Session, project_id: int, user: int, broken: int = 6) -> Lesson:
    """An active lesson whose suite was run and that broke some answers."""
    draft = LessonDraft(LessonKind.RULE, f"Add {EVIL}", f"sums {EVIL}", ())
    lesson_id = lessons.propose(session, project_id, [draft], author_id=None)[0]
    lesson = lessons.accept(session, lesson_id, user)
    own = Probe(ProbeKind.CANONICAL, f"What is 3 + 4? {EVIL}", Made.SOURCE, answer="7")
    probes = edit_suites.put(session, lesson, suite(own, [], []))
    details: list[dict[str, Any]] = [{"probe": probe.id, "found": probe.kind != "negative"} for probe in probes]
    details[0] |= {"right_without": False, "right_with": True}
    details[2]["found"] = False
    edit_suites.add_run(session, lesson, NewRun(True, 2, 1, 1, 0, details, "test", "test"))
    for _ in range(broken):
        item = build(session, Item, project_id=project_id)
        values = {"right_without": True, "right_with": False, "lesson_id": lesson_id, "item_id": item.id}
        build(session, LessonTrial, project_id=project_id, **values)
        build(session, LessonTrial, project_id=project_id, **{**values, "lesson_id": None})
    lesson_proposals.renew(session, [lesson_id])
    return lesson


def test_the_part_tells_the_suite_the_effect_and_the_proposal_and_escapes_all_of_it(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        lesson = judged(session, made.project_id, made.users[0])
        html = lesson_effect.section(session, lesson)
        memory = lesson_effect.memory(session, made.project_id)
    for said in ("own example: found", "generalises: 1 of 2", "over-applies: 0 of 1", "wrong without, right with"):
        assert said in html, said
    assert "Proposed to be retired" in html and "6 of 6 right" in html and 'data-action="retire-confirm"' in html
    assert EVIL not in html and "&lt;img" in html
    assert f"lesson {lesson.id}</a>" in memory and "100 %" in memory


def test_before_anything_is_known_it_says_what_will_come(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        draft = LessonDraft(LessonKind.RULE, "Add.", "sums", ())
        lesson = lessons.get(session, lessons.propose(session, made.project_id, [draft], author_id=None)[0])
        html = lesson_effect.section(session, lesson)
        assert "once the lesson is active" in html and "Tried on 0 items: a rate is shown from 5" in html
        assert "Not tried often enough" in lesson_effect.memory(session, made.project_id)
        lessons.accept(session, lesson.id, made.users[0])
        lessons.retract(session, lesson.id, made.users[0], "wrong")
        assert "Retracted: its suite is kept and not run" in lesson_effect.section(session, lesson)


def test_probes_of_an_earlier_wording_are_marked_stale(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        lesson = judged(session, made.project_id, made.users[0])
        lessons.edit(session, lesson.id, made.users[0], text="Add with care.")
        html = lesson_effect.section(session, lesson)
    assert html.count(">stale<") == 4 and "generalises" not in html


def test_a_person_confirms_and_the_lesson_is_taken_back_for_that_reason(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        lesson = judged(session, made.project_id, made.users[0])
        (row,) = lesson_proposals.proposals(session, made.project_id)
        expert = Person(made.users[0], "ann", Role.EXPERT)
        said = lesson_retiring.act(session, expert, {"action": "retire-confirm", "proposal": str(row.id)})
        assert said.startswith("Taken back")
    with db.read() as session:
        assert session.get_one(Lesson, lesson.id).status == LessonStatus.RETRACTED
        assert lessons.lineage(session, lesson.id).revisions[-1].why.startswith("It broke 6 and fixed 0")
        assert lesson_proposals.proposals(session, made.project_id) == []


def test_the_other_buttons(db: Database, database_url: str) -> None:
    engine.prepare(database_url, 1)
    with db.write() as session:
        made = scene(session)
        lesson = judged(session, made.project_id, made.users[0])
        expert, one = Person(made.users[0], "ann", Role.EXPERT), {"lesson": str(lesson.id)}
        (row,) = lesson_proposals.proposals(session, made.project_id)
        said = lesson_retiring.act(session, expert, {"action": "retire-dismiss", "proposal": str(row.id)})
        assert said.startswith("Dismissed") and lesson.status == LessonStatus.ACTIVE
        lesson_retiring.act(session, expert, {**one, "action": "probe-add", "kind": "negative", "text": "A poem?"})
        added = edit_suites.standing(session, lesson)[-1]
        assert (added.text, added.author_id) == ("A poem?", expert.id)
        lesson_retiring.act(session, expert, {"action": "probe-remove", "probe": str(added.id)})
        assert added.removed_by == expert.id
        lesson_retiring.act(session, expert, {**one, "action": "probe-run"})
        assert session.query(Job).filter_by(kind="probe_lessons").count() == 1
        with pytest.raises(ValueError, match="no such action"):
            lesson_retiring.act(session, expert, {**one, "action": "else"})
        with pytest.raises(LookupError, match="which proposal"):
            lesson_retiring.act(session, expert, {"action": "retire-confirm", "proposal": "x"})
        with pytest.raises(lesson_retiring.NotAllowed):
            lesson_retiring.act(session, Person(made.users[0], "ann", Role.ANNOTATOR), {"action": "retire-confirm"})


def test_programs_read_the_effect(web: Web) -> None:
    api = open_api(web)
    with api.web.db.write() as session:
        lesson_id = judged(session, api.project, api.admin).id
    client = api.program("lessons:read")
    one = client.get(f"/api/v1/lessons/{lesson_id}/effect").json()
    assert (one["lesson_id"], one["n"], one["broken"], one["break_rate"]) == (lesson_id, 6, 6, 1.0)
    assert one["suite"]["found"] == 1 and one["suite"]["probes"] == 2 and "broke 6" in one["retire"]
    both = client.get(f"/api/v1/projects/{api.project}/lessons/effect").json()
    assert both["retire"] == [lesson_id] and both["broken"] == 6 and both["weeks"][0]["n"] == 6
    assert client.get("/api/v1/lessons/999/effect").status_code == 404


def test_the_lessons_page_says_whether_the_memory_helps(web: Web) -> None:
    """Below the list, for everyone who reads lessons."""
    person = Person(auth.make_user(web.db, "ann", None, Role.ANNOTATOR), "ann", Role.ANNOTATOR)
    with web.db.write() as session:
        project = projects.create(session, slug="shown", name="Shown", item_type="text").id
    with web.db.read() as session:
        memory, *_ = parts(session, project, person)
        assert "Does the memory help?" in memory and "Not tried often enough" in memory
        assert parts(session, None, person)[0] == ""
