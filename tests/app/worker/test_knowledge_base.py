"""The jobs that write a knowledge base, bring one in, and lay lessons out on a map."""

from __future__ import annotations

from pathlib import Path

from app import exporting
from app.worker.handlers.exporting import export
from app.worker.handlers.importing_lessons import import_lessons
from app.worker.handlers.map_lessons import map_lessons
from core.lessons import knowledge_base
from core.types import JobState, LessonDraft, LessonKind
from store import exports, jobs, lesson_maps, lessons, projects, tables
from tests.app.worker.conftest import Bench
from tests.app.worker.test_data_handlers import models
from tests.factories import build


def test_a_project_s_lessons_are_exported_and_brought_into_another(bench: Bench) -> None:
    with bench.db.write() as session:
        one, two = (projects.create(session, slug=slug, name=slug, item_type="text").id for slug in ("one", "two"))
        ids = lessons.propose(
            session, one, [LessonDraft(LessonKind.RULE, "Be brief.", "mails", ())] * 1, author_id=None
        )
        row = exporting.enqueue(session, one, format="lessons", container="jsonl", filters={}, user_id=None)
        export_id, job_id = row.id, row.job_id
    bench.start({"export": export, "import_lessons": import_lessons})
    assert job_id is not None and bench.wait(job_id).state == JobState.DONE
    with bench.db.read() as session:
        path = Path(exports.get(session, export_id).path or "")
    assert [row.text for row in knowledge_base.rows(path)] == ["Be brief."] and len(ids) == 1
    for added in (1, 0):
        payload = {"path": str(path), "project_id": two, "as_they_stand": True}
        done = bench.wait(bench.enqueue("import_lessons", payload=payload))
        assert (done.result["rows"], done.result["added"], done.result["unchanged"]) == (1, added, 1 - added)
    path.write_bytes(path.read_bytes()[:-10])
    failed = bench.wait(bench.enqueue("import_lessons", payload=payload, max_attempts=1))
    assert failed.state == JobState.FAILED and "line 2 is no JSON" in (failed.error or "")
    with bench.db.read() as session:
        assert len(lessons.page(session, two)) == 1 and jobs.get(session, failed.id).attempts == 1


def test_the_map_has_the_lessons_that_are_active_or_proposed(bench: Bench) -> None:
    with bench.db.write() as session:
        project = projects.create(session, slug="p", name="p", item_type="text").id
        drafts = [
            LessonDraft(LessonKind.RULE, f"Be brief in {word}.", word, ())
            for word in ("mails", "notes", "sums", "prices")
        ]
        ids = lessons.propose(session, project, drafts, author_id=None)
        lessons.reject(session, ids[0], build(session, tables.User).id)
        before = lesson_maps.marks(session, project)
    bench.start({"map_lessons": map_lessons}, models(bench))
    done = bench.wait(bench.enqueue("map_lessons", payload={"project_id": project}))
    assert done.result["lessons"] == 3, done.error
    with bench.db.write() as session:
        found = lesson_maps.current(session, project)
        assert found is not None and [id_ for id_, _, _ in found.points] == ids[1:] and found.marks == before
        lessons.propose(session, project, drafts[:1], author_id=None)
        assert lesson_maps.marks(session, project) != before
