"""The quality gate through real jobs on both databases: scored once, the same bytes, counted reasons, marks, and a fitted rule."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app import exporting, row_scoring
from app.view import quality_gate as view
from app.worker.handlers.exporting import export
from app.worker.handlers.score_rows import score_rows
from app.worker.models import Models
from core.exporters import REGISTRY as EXPORTERS
from core.exporters import lines as export_lines
from core.exporters.lines import LineFile
from core.generators.base import ReadRequest
from core.quality.gate import BEYOND, LEAK, NEAR_SAME, SAME, WRONG_STEPS, Gate
from core.quality.rule import TooFewRuns
from core.types import JobState, Step, TokenLogprob
from store import evaluation_sets, exports, items, outputs, projects, training_runs
from store.tables import Export, Job, Output, Review, RowScore, User
from tests.app.worker.conftest import Bench
from tests.app.worker.fakes import FakeEmbedder, FakeGenerator
from tests.factories import build

HANDLERS = {"export": export, "score_rows": score_rows}
SUBJECTS = ("tides", "bread", "planets", "rivers", "bees", "glass", "trains", "snow", "coins", "maps", "owls", "salt")


class Reading(FakeGenerator):
    """A reply is likely as far as its words stand in the prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.read_requests: list[ReadRequest] = []

    def read(self, requests: list[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        self.read_requests += requests
        return [
            tuple(TokenLogprob(word, -0.5 if word in one.messages[-1].content else -3.0) for word in one.reply.split())
            for one in requests
        ]


@pytest.fixture
def generator() -> Reading:
    return Reading()


def started(bench: Bench, generator: Reading) -> Models:
    embedder = FakeEmbedder()
    models = Models(bench.settings, bench.db, make_generator=lambda _: generator, make_embedder=lambda _: embedder)  # type: ignore[arg-type, return-value]
    bench.start(HANDLERS, models)
    return models


def planted(bench: Bench, shuffled: int = 4) -> int:
    """A project whose answers name their prompt's subject; those of the last ``shuffled`` items are of the item before."""
    with bench.db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text", licence="CC0").id
        person = build(session, User)
        prompts = [f"Please explain what people know about {one} today" for one in SUBJECTS]
        ids = items.add_many(session, project, [items.NewItem(f"i{n}", text) for n, text in enumerate(prompts)]).ids
        for n, item in enumerate(ids):
            wrong = n >= len(ids) - shuffled
            about = SUBJECTS[n - 1 if wrong else n]
            text = f"{about} are {about} and much is known about {about} number {n}"
            steps = (Step(0, text, 0, len(text)),)
            output = outputs.add(session, outputs.NewOutput(item, text, "wild" if wrong else "careful", steps=steps))
            build(
                session,
                Review,
                output_id=output.id,
                user_id=person.id,
                verdict="acceptable",
                first_wrong_step=None,
                step_labels=[],
            )
        return project


def ask(
    bench: Bench, project: int, gate: dict[str, Any], container: str = "jsonl", **filters: str
) -> tuple[Export, Job]:
    with bench.db.write() as session:
        wanted = {**filters, "quality": gate}
        row = exporting.enqueue(session, project, format="sft", container=container, filters=wanted, user_id=1)  # type: ignore[arg-type]
        job_id, export_id = row.job_id, row.id
    assert job_id is not None
    job = bench.wait(job_id)
    with bench.db.read() as session:
        return exports.get(session, export_id), job


def lines(export: Export) -> list[dict[str, Any]]:
    assert export.path is not None
    return [json.loads(line) for line in Path(export.path).read_text("utf-8").splitlines()]


def test_shuffled_responses_stay_out_and_models_are_asked_once(bench: Bench, generator: Reading) -> None:
    started(bench, generator)
    project = planted(bench)
    first, job = ask(bench, project, {"rule": "default", "keep": 8})
    assert job.state == JobState.DONE, job.error
    assert [row["corrigenda"]["external_id"] for row in lines(first)] == [f"i{n}" for n in range(8)]
    assert {row["corrigenda"]["quality"]["rank"] for row in lines(first)} == set(range(1, 9))
    assert job.result["dropped"] == {BEYOND: 4} and job.result["gate"]["rule"] == "default-1"
    assert job.result["means"]["length"] == pytest.approx(11, abs=1)
    asked = len(generator.read_requests)
    assert asked == 2 * len(SUBJECTS)
    second, _ = ask(bench, project, {"rule": "default", "keep": 8})
    assert second.sha256 == first.sha256 and len(generator.read_requests) == asked
    with bench.db.read() as session:
        assert session.query(RowScore).count() == len(SUBJECTS)


def test_scored_rows_show_a_histogram_whose_best_k_move(bench: Bench, generator: Reading) -> None:
    started(bench, generator)
    project = planted(bench)
    with bench.db.read() as session:
        assert "no scores yet" in view.scores(session, project, Gate(), {})[0]
    job = bench.wait(bench.enqueue("score_rows", payload={"project_id": project}, project_id=project))
    assert job.state == JobState.DONE, job.error
    ranked = job.result["rules"]["default"]
    assert sum(ranked["counts"]) == len(SUBJECTS) == job.result["left"] and "12 more" in job.result["why_not"]
    assert sum(bar.kept for bar in view.bars(ranked, 5)) == 5
    kept = [bar.kept for bar in view.bars(ranked, 5)]
    assert kept[-1] == ranked["counts"][-1] and kept[0] == 0, "the best are on the right"
    with bench.db.read() as session:
        html, left = view.scores(session, project, Gate("default", keep=5), {})
        assert left == len(SUBJECTS) and "the best <strong>5</strong> go in" in html and html.count('class="in"') >= 1
        assert "record 12 more" in view.scores(session, project, Gate("fitted"), {})[0]
        assert (
            "tests or filters were changed"
            in view.scores(session, project, Gate("default"), {"since": "2026-01-01"})[0]
        )
        assert "0 %" in html and "careful" in html, "the authors of the rows with their wrong steps"


def test_the_card_says_what_was_left_out_and_why(bench: Bench, generator: Reading) -> None:
    started(bench, generator)
    project = planted(bench)
    with bench.db.write() as session:
        asked = f"please explain what people know about {SUBJECTS[0]} TODAY!"
        held = evaluation_sets.add(session, project, "test", [asked], user_id=None)
    gate = {"rule": "mtld", "keep": 3, "near_duplicates": 0.9, "held": held}
    made, job = ask(bench, project, gate, "dataset")
    assert job.state == JobState.DONE, job.error
    dropped = job.result["dropped"]
    assert dropped[LEAK] >= 1 and dropped[BEYOND] >= 1 and set(dropped) <= {LEAK, BEYOND, SAME, NEAR_SAME}
    assert sum(dropped.values()) + made.rows == len(SUBJECTS)
    with zipfile.ZipFile(made.path or "") as file:
        card = file.read("README.md").decode()
    assert "## Quality gate" in card and "ranked by the rule `mtld-1`" in card and f"- {dropped[LEAK]}: {LEAK}" in card
    assert "| near_duplicates | 0.9 |" in card and "| mtld |" in card


def test_authors_with_wrong_steps_stay_out(bench: Bench, generator: Reading) -> None:
    started(bench, generator)
    project = planted(bench, shuffled=3)
    with bench.db.write() as session:
        for output in session.query(Output).filter_by(model="wild"):
            build(
                session, Review, output_id=output.id, user_id=1, verdict="faulty", first_wrong_step=0, step_labels=[-1]
            )
    made, job = ask(bench, project, {"max_step_error": 0.2})
    assert job.state == JobState.DONE, job.error
    assert len(lines(made)) == 9 and job.result["dropped"] == {WRONG_STEPS: 3}
    assert not generator.read_requests, "no model is asked for what the store knows"


def test_twelve_runs_give_a_rule_and_its_version_is_pinned(bench: Bench, generator: Reading) -> None:
    started(bench, generator)
    project = planted(bench)
    with pytest.raises(TooFewRuns, match="record 12 more"):
        ask(bench, project, {"rule": "fitted"})
    first, _ = ask(bench, project, {"rule": "length", "keep": 6})
    plain, _ = ask(bench, project, {})
    with bench.db.write() as session:
        with pytest.raises(training_runs.NoMeans):
            training_runs.add(session, plain, loss=1.0, user_id=1)
        own = training_runs.add(session, first, loss=1.5, user_id=1)
        assert own.means == training_runs.means_of(session, first) and own.means["length"] > 5
        for n in range(11):
            training_runs.add(
                session, first, loss=1.0 + n / 10, means={"length": 10.0 + n, "mtld": 5.0 + n % 3}, user_id=1
            )
        session.get_one(type(own), own.id).means = {"length": 9.0, "mtld": 6.0}
    fitted, job = ask(bench, project, {"rule": "fitted", "keep": 5})
    assert job.state == JobState.DONE and fitted.filters["quality"]["runs_to"] == 12
    assert job.result["gate"]["rule"] == "fitted-12" and job.result["gate"]["runs"] == 12
    with bench.db.write() as session:
        training_runs.add(session, first, loss=9.0, means={"length": 10.0, "mtld": 5.0}, user_id=1)
    again, _ = ask(bench, project, fitted.filters["quality"])
    assert again.sha256 == fitted.sha256, "the same filter gives the same bytes although a run came"
    with bench.db.read() as session:
        shown = view.runs(session, project)
    assert "fitted-13" in shown and "R² with each run left out" in shown


def test_what_is_refused_before_a_job_is_made(bench: Bench) -> None:
    with bench.db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text").id
        with pytest.raises(LookupError, match="no evaluation set"):
            row_scoring.pinned(session, project, Gate(held="0" * 64))
        with pytest.raises(ValueError, match="no texts"):
            evaluation_sets.add(session, project, "x", ["  ", ""], user_id=None)
        one = evaluation_sets.add(session, project, "x", ["b\ud800", "a"], user_id=None)
        assert evaluation_sets.add(session, project, "y", ["a", "b\ud800", "a"], user_id=None) == one
        assert evaluation_sets.texts(session, project, one) == ["a", "b�"]
        with pytest.raises(ValueError, match="above 0"):
            training_runs.add(session, build(session, Export, project_id=project), loss=float("nan"), user_id=None)
        with pytest.raises(ValueError, match="no indicator size"):
            training_runs.add(
                session, build(session, Export, project_id=project), loss=1, means={"size": 1.0}, user_id=None
            )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_is_taken_up_has_the_same_bytes_and_counts_what_stayed_out_once(
    bench: Bench, generator: Reading, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(export_lines, "STRIDE", 2)
    models = started(bench, generator)
    project_id, gate = planted(bench), Gate("length", keep=7)
    found = row_scoring.scored(bench.db, models, project_id, {}, gate, lambda *_: None)
    choice = found.choose(gate)
    gated = exporting.Gated(gate, choice, found.authors, row_scoring.summary(found, choice, gate))
    path, half, points = tmp_path / "a.jsonl", tmp_path / "half", []

    def keep(make: Any) -> None:
        points.append(make())
        if len(points) == 2:
            shutil.copyfile(path.with_name("a.jsonl.partial"), half)

    def write(to: Path, taken_up: LineFile | None = None) -> Any:
        with bench.db.read() as session:
            return exporting.write(
                session,
                projects.get(session, project_id),
                to,
                EXPORTERS.make("sft"),
                filters={"quality": gate.to_json()},
                created_at="2026-01-01",
                gated=gated,
                taken_up=taken_up,
                on_checkpoint=keep,
            )

    whole = write(path)
    assert whole.rows == 7 and whole.dropped == {BEYOND: 5}
    again = write(tmp_path / "b.jsonl", LineFile.take_up(tmp_path / "b.jsonl.partial", half, points[1]))
    assert again.sha256 == whole.sha256 and again.dropped == whole.dropped
