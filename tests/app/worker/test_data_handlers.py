"""Import, export, distil and embed on both databases, through the runner."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app import importing as rows_of_files
from app.worker.handlers import importing
from app.worker.handlers.distil import distil
from app.worker.handlers.embed import embed
from app.worker.handlers.exporting import export
from app.worker.handlers.importing import import_file
from app.worker.models import Models
from core.exporters import REGISTRY as EXPORTERS
from core.exporters.writing import manifest_path, read_export
from core.importing import NewRow
from core.types import JobPriority, JobState, LessonDraft, LessonKind, LessonStatus
from store import exports, lessons, projects, reviews, vectors
from store.tables import Job, Output, Review
from tests.app.worker.conftest import Bench
from tests.app.worker.fakes import FakeEmbedder, FakeGenerator
from tests.factories import build, corrected, scene

HANDLERS = {"import": import_file, "export": export, "distil": distil, "embed": embed}


def models(bench: Bench, embedder: FakeEmbedder | None = None) -> Models:
    made = embedder or FakeEmbedder()
    return Models(
        bench.settings,
        bench.db,
        make_generator=lambda _: FakeGenerator(),
        make_embedder=lambda _: made,  # type: ignore[arg-type, return-value]
    )


@pytest.fixture
def project(bench: Bench) -> int:
    with bench.db.write() as session:
        return projects.create(session, slug="p", name="P", item_type="text", licence="CC BY 4.0").id


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def run_import(bench: Bench, project: int, path: Path, **more: Any) -> Job:
    payload = {"path": str(path), "project_id": project, **more}
    return bench.wait(bench.enqueue("import", payload=payload, project_id=project))


def test_import_reports_each_bad_row_and_keeps_the_good_ones(bench: Bench, project: int, tmp_path: Path) -> None:
    rows: list[Any] = [{"id": f"r{n}", "prompt": f"question {n}"} for n in range(5)]
    rows[1:1] = ["{broken\n", {"id": "e", "prompt": "  "}]
    bench.start(HANDLERS, models(bench))
    job = run_import(bench, project, write(tmp_path / "a.jsonl", rows))
    assert job.state == JobState.DONE, job.error
    result = job.result
    assert (result["rows"], result["added"], result["error_count"]) == (7, 5, 2)
    assert [error["row"] for error in result["errors"]] == [2, 3] and all(e["message"] for e in result["errors"])
    again = run_import(bench, project, tmp_path / "a.jsonl").result
    assert (again["added"], again["unchanged"], again["updated"]) == (0, 5, 0)


def test_import_goes_on_where_a_killed_attempt_stopped(
    bench: Bench, project: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt ends after two batches, as a worker that was killed leaves it."""
    monkeypatch.setattr(rows_of_files, "BATCH", 10)
    rows = [{"id": f"r{n}", "prompt": "q" if n % 10 else ""} for n in range(35)]
    path = write(tmp_path / "a.jsonl", rows)
    keep, calls = importing.keep_batch, []

    def dies_once(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise ConnectionError("the worker is gone")
        keep(*args)

    monkeypatch.setattr(importing, "keep_batch", dies_once)
    bench.start(HANDLERS, models(bench))
    job = run_import(bench, project, path)
    assert (job.state, job.attempts, len(calls)) == (JobState.DONE, 2, 5)
    result = job.result
    assert (result["rows"], result["added"], result["unchanged"], result["error_count"]) == (35, 31, 0, 4)
    assert [error["row"] for error in result["errors"]] == [1, 11, 21, 31]


def test_a_batch_of_heavy_rows_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of_files, "BATCH_WEIGHT", 100)
    rows = [NewRow(n, str(n), "p" * 40, answer="a" * 10) for n in range(5)]
    assert [len(batch) for batch in rows_of_files.batches(iter(rows))] == [2, 2, 1]


def test_answers_are_judged_by_several_jobs(bench: Bench, project: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of_files, "ANSWERS", 2)
    told: list[int] = []
    rows = [NewRow(n, str(n), "p", answer=f"a{n}") for n in range(5)]
    with bench.db.write() as session:
        rows_of_files.keep_batch(
            session, project, rows, rows_of_files.empty_report(), lambda ids: told.append(len(ids))
        )
    assert told == [2, 2, 1]


def test_import_without_a_prompt_column_says_what_to_do(bench: Bench, project: int, tmp_path: Path) -> None:
    bench.start(HANDLERS, models(bench))
    path = write(tmp_path / "a.jsonl", [{"foo": "x"}])
    assert "Say which column holds it" in run_import(bench, project, path).error
    mapped = run_import(bench, project, path, mapping={"prompt": "foo", "meta": ["foo"]})
    assert mapped.result["added"] == 1
    assert "Say which column" in run_import(bench, project, path, mapping={"reference": "foo"}).error
    assert "Upload it again" in run_import(bench, project, tmp_path / "gone.jsonl").error


def test_only_the_first_errors_are_listed(bench: Bench, project: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"prompt": ""}] * 250 + [{"prompt": "q"}])
    bench.start(HANDLERS, models(bench))
    result = run_import(bench, project, path).result
    assert (len(result["errors"]), result["error_count"], result["added"]) == (200, 250, 1)


def test_answers_that_come_along_become_outputs_once_and_are_judged_without_hurry(
    bench: Bench, project: int, tmp_path: Path
) -> None:
    rows = [{"id": f"r{n}", "prompt": "q", "answer": f"First.\nThen {n}.", "model": "m"} for n in range(3)]
    path = write(tmp_path / "a.jsonl", rows)
    bench.start(HANDLERS, models(bench))
    assert run_import(bench, project, path).result["answers"] == 3
    assert run_import(bench, project, path).result["answers"] == 0
    with bench.db.read() as session:
        made = session.query(Output).order_by(Output.id).all()
        assert [(o.origin, o.model, o.text) for o in made] == [("imported", "m", r["answer"]) for r in rows]
        assert all(len(o.steps) >= 1 for o in made)
        follow = session.query(Job).filter_by(kind="analyse").one()
        assert follow.payload == {"output_ids": [o.id for o in made]} and follow.priority == JobPriority.BATCH


def test_export_is_what_its_manifest_says_and_reads_back(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=2)
        reviews.add_correction(
            session, reviews.NewCorrection(made.users[0], made.outputs[0], "it is 7", rewrite="3 + 4 = 7.")
        )
        row = exports.add(session, made.project_id, format="sft", schema_version=1, filters={}, user_id=made.users[0])
    bench.start(HANDLERS, models(bench))
    job = bench.wait(bench.enqueue("export", payload={"export_id": row.id}))
    assert job.state == JobState.DONE, job.error
    path = Path(job.result["path"])
    assert path.parent == bench.settings.exports_dir and manifest_path(path).exists()
    records = list(read_export(path, EXPORTERS.make("sft")))
    assert job.result["rows"] == len(records) == 1 and records[0].attempts[-1].text == "3 + 4 = 7."
    with bench.db.read() as session:
        kept = exports.get(session, row.id)
        assert (kept.path, kept.rows, kept.sha256) == (str(path), 1, job.result["sha256"])
    assert sorted(p.name for p in path.parent.iterdir()) == sorted([path.name, manifest_path(path).name])


def test_snapshots_stay_as_they_were_and_the_same_filter_gives_the_same_bytes(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=3)
        for output in made.outputs[:2]:
            build(session, Review, output_id=output, user_id=made.users[0], verdict="acceptable", first_wrong_step=None)
    bench.start(HANDLERS, models(bench))
    written: list[tuple[Path, str, bytes]] = []
    for verdict in ("acceptable", "acceptable", "faulty", "acceptable"):
        if len(written) == 3:
            with bench.db.write() as session:
                build(
                    session,
                    Review,
                    output_id=made.outputs[2],
                    user_id=made.users[0],
                    verdict="acceptable",
                    first_wrong_step=None,
                )
        with bench.db.write() as session:
            filters = {"verdict": verdict}
            row = exports.add(session, made.project_id, format="sft", schema_version=1, filters=filters, user_id=None)
        result = bench.wait(bench.enqueue("export", payload={"export_id": row.id})).result
        written.append((Path(result["path"]), result["sha256"], Path(result["path"]).read_bytes()))
    first, second, faulty, later = written
    assert len({path for path, _, _ in written}) == 4  # each is a version of its own
    assert first[1:] == second[1:] and faulty[2] == b""
    assert later[1] != first[1] and len(later[2].splitlines()) == 3
    assert all(path.read_bytes() == data for path, _, data in written)  # a later one changes none of the earlier


def test_an_export_can_be_a_data_set_folder_with_its_card(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=2)
        build(session, Review, output_id=made.outputs[0], user_id=made.users[0], first_wrong_step=1)
        row = exports.add(session, made.project_id, format="intervention", schema_version=1, filters={}, user_id=None)
        said = reviews.NewCorrection(made.users[0], made.outputs[0], "it is 7", rewrite="3 and 4\nmake 7.")
        reviews.add_correction(session, said)
    bench.start(HANDLERS, models(bench))
    job = bench.wait(bench.enqueue("export", payload={"export_id": row.id, "container": "dataset"}))
    assert job.state == JobState.DONE, job.error
    assert job.result["path"].endswith(".zip")
    assert job.result["rows"] + sum(job.result["dropped"].values()) == 1
    with zipfile.ZipFile(job.result["path"]) as archive:
        assert "| 1 | 1 | - | faulty 1 |" in archive.read("README.md").decode()


def test_distilling_proposes_once(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=1)
        corrected(session, made, text="Always check the sum before you write the answer.")
    bench.start(HANDLERS, models(bench))
    payload = {"item_id": made.items[0], "user_id": made.users[0]}
    first = bench.wait(bench.enqueue("distil", payload=payload))
    assert first.state == JobState.DONE and first.result["lesson_ids"], first.error
    second = bench.wait(bench.enqueue("distil", payload=payload))
    assert second.result == first.result
    with bench.db.read() as session:
        kept = [lessons.get(session, lesson_id) for lesson_id in first.result["lesson_ids"]]
        assert {lesson.status for lesson in kept} == {LessonStatus.PROPOSED}


def active_lesson(bench: Bench, project_id: int, user: int, text: str, applies: str) -> int:
    with bench.db.write() as session:
        draft = LessonDraft(LessonKind.RULE, text, applies, ())
        lesson_id = lessons.propose(session, project_id, [draft], author_id=user)[0]
        lessons.accept(session, lesson_id, user)
    return lesson_id


def test_what_is_known_gains_a_source_and_a_contradiction_is_shown_with_what_it_contradicts(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=3)
        for number, text in enumerate(
            (
                "Always check the sum before you write the answer.",
                "Please always check the sum before you write the answer.",
                "Never check the sum before you write the answer.",
            )
        ):
            new = reviews.NewCorrection(made.users[0], made.outputs[number], text)
            reviews.add_correction(session, new)
    bench.start(HANDLERS, models(bench))
    jobs = [
        bench.wait(bench.enqueue("distil", payload={"item_id": item, "user_id": made.users[0]})) for item in made.items
    ]
    first, second, third = (job.result["lesson_ids"] for job in jobs)
    assert first == second and len(first) == 1, "said twice, it is one lesson"
    assert third != first
    with bench.db.read() as session:
        assert len(lessons.lineage(session, first[0]).sources) == 2
        against = lessons.get(session, third[0])
        assert f"Contradicts lesson {first[0]}: “{lessons.get(session, first[0]).text}”" in against.why
        assert against.extra["related"] == [[first[0], "contradicts"]]
        assert against.status == LessonStatus.PROPOSED, "a person decides"
    with bench.db.write() as session:
        lessons.reject(session, first[0], made.users[0])
    again = bench.wait(bench.enqueue("distil", payload={"item_id": made.items[1], "user_id": made.users[0]}))
    assert again.result["lesson_ids"] != first, "what was turned down may be proposed by others who say it too"


def test_embedded_lessons_and_corrections_are_found_and_a_retracted_one_is_not(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=1)
        correction = corrected(session, made, text="the sum is seven")
    lesson = active_lesson(bench, made.project_id, made.users[0], "Add slowly.", "sums of small numbers")
    known = models(bench)
    bench.start(HANDLERS, known)
    job = bench.wait(bench.enqueue("embed", payload={"project_id": made.project_id}))
    assert job.result == {"lessons": 1, "corrections": 1}, job.error
    again = bench.wait(bench.enqueue("embed", payload={"project_id": made.project_id}))
    assert again.result == {"lessons": 0, "corrections": 0}

    def found(text: str, scope: str) -> list[int]:
        vector = known.embedder.embed([text])[0]
        return [hit.owner_id for hit in known.search(made.project_id, [scope], vector, 5)]

    assert found("sums of numbers", "rule") == [lesson]
    assert found("the sum", "correction") == [correction]
    later = active_lesson(bench, made.project_id, made.users[0], "Carry the one.", "sums of large numbers")
    bench.wait(bench.enqueue("embed", payload={"project_id": made.project_id}))
    assert set(found("sums of numbers", "rule")) == {lesson, later}  # the index that is there follows the feed
    with bench.db.write() as session:
        lessons.retract(session, lesson, made.users[0], "wrong")
    assert found("sums of numbers", "rule") == [later]


def test_a_lesson_withdrawn_while_it_is_embedded_gets_no_vector(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=1)
    lesson = active_lesson(bench, made.project_id, made.users[0], "Add slowly.", "sums")

    class FakeSlowEmbedder(FakeEmbedder):
        def embed(self, texts: Any) -> Any:
            if list(texts) == ["sums"]:
                with bench.db.write() as session:
                    lessons.retract(session, lesson, made.users[0], "wrong")
            return super().embed(texts)

    bench.start(HANDLERS, models(bench, FakeSlowEmbedder()))
    job = bench.wait(bench.enqueue("embed", payload={"project_id": made.project_id}))
    assert job.result == {"lessons": 0, "corrections": 0}
    with bench.db.read() as session:
        assert vectors.all_in(session, made.project_id, "rule", FakeEmbedder.model_id)[0] == []


def test_an_export_comes_back_through_a_job_and_is_judged_where_nobody_did(
    bench: Bench, project: int, tmp_path: Path
) -> None:
    said = [{"role": "user", "content": "Mend: teh cat"}]
    rows = [
        {"prompt": said, "completion": [{"role": "assistant", "content": "the cat"}], "label": True},
        {"prompt": said, "completion": [{"role": "assistant", "content": "teh cat"}], "label": "yes"},
    ]
    with bench.db.write() as session:
        other = projects.create(session, slug="reasoned", name="R", item_type="reasoning").id
    bench.start(HANDLERS, models(bench))
    path = write(tmp_path / "kto.jsonl", rows)
    refused = run_import(bench, project, path, export="kto")
    assert refused.state == JobState.FAILED and "items of type reasoning" in refused.error
    result = run_import(bench, other, path, export="kto").result
    assert (result["rows"], result["added"], result["reviews"], result["error_count"]) == (2, 1, 1, 1)
    assert result["errors"] == [{"row": 2, "message": "field 'label' must be true or false"}]
    assert run_import(bench, other, path, export="kto").result["unchanged"] == 1
    assert "there is no format" in run_import(bench, other, path, export="nothing").error
