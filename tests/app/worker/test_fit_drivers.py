"""What drives labels, through the real job on both databases: kept, shown, woken, carried by exports, refused in words."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from app import exporting
from app.view import quality as view
from app.worker import waking
from app.worker.handlers.exporting import export
from app.worker.handlers.fit_drivers import fit_drivers
from core.types import JobState
from store import exports, items, label_drivers, outputs, projects, users
from store.clock import now
from store.tables import Correction, Embedding, Export, Job, Review
from tests.app.worker.conftest import Bench
from tests.app.worker.test_data_handlers import models
from tests.factories import build

HANDLERS = {"export": export, "fit_drivers": fit_drivers}


def judged(bench: Bench, n: int = 60, overlap: bool = True) -> int:
    """Two answers to each item, right and wrong; Ann is strict about every third answer, Bob is not."""
    with bench.db.write() as session:
        project = projects.create(session, slug="p", name="P <b>", item_type="text").id
        ann, bob = (users.create(session, name, "annotator").id for name in ("<i>ann</i>", "bob"))
        ids = items.add_many(session, project, [items.NewItem(f"i{k}", f"question {k}") for k in range(n)]).ids
        for k, item in enumerate(ids):
            for attempt, good in ((1, False), (2, True)):
                text = f"{'right' if good else 'wrong'} answer number {k}"
                output = outputs.add(session, outputs.NewOutput(item, text, "m", attempt=attempt)).id
                people = [ann, bob] if overlap else [ann if k % 2 else bob]
                for person in people:
                    fine = good and not (person == ann and k % 3 == 0)
                    values = {"verdict": "acceptable", "first_wrong_step": None, "step_labels": []} if fine else {}
                    build(session, Review, output_id=output, user_id=person, **values)
        return project


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def run(bench: Bench, project: int) -> Job:
    job = bench.wait(bench.enqueue("fit_drivers", payload={"project_id": project}, project_id=project))
    assert job.state == JobState.DONE, job.error
    return job


def written(bench: Bench, project: int, format: str, container: Any = "jsonl") -> Export:
    with bench.db.write() as session:
        row = exporting.enqueue(session, project, format=format, container=container, filters={}, user_id=1)
        export_id, job_id = row.id, row.job_id
    job = bench.wait(job_id or 0)
    assert job.state == JobState.DONE, job.error
    with bench.db.read() as session:
        return exports.get(session, export_id)


def test_it_is_kept_shown_and_carried_by_preferences(bench: Bench, tmp_path: Path) -> None:
    bench.start(HANDLERS, models(bench))
    project = judged(bench)
    before = written(bench, project, "dpo")
    job = run(bench, project)
    assert "annotator" in job.result["removed"] and job.result["labels"] == 240
    with bench.db.read() as session:
        scores = label_drivers.in_force(session, project)
        assert scores is not None and len(scores) == 120
        assert session.query(Embedding).filter_by(owner_kind="output").count() == 120, "embedded once, and kept"
        html = view.parts(view.read(session, project))[view.PARTS.index("drivers")]
    shown = text(html)
    assert "<i>ann" not in html and "Adjusted for" in shown and "annotator" in shown
    assert "What was not logged is still in them" in shown
    made = written(bench, project, "dpo")
    assert made.sha256 != before.sha256
    rows = [json.loads(line) for line in Path(made.path or "").read_text().splitlines()]
    assert rows and all(set(row["corrigenda"]["reward"]) == {"raw", "adjusted"} for row in rows)
    assert any(row["corrigenda"]["reward"]["raw"] != row["corrigenda"]["reward"]["adjusted"] for row in rows)
    loaded = load_dataset("json", data_files=made.path, split="train", cache_dir=str(tmp_path))
    assert len(loaded) == len(rows) and {"prompt", "chosen", "rejected"} <= set(loaded.column_names)
    with zipfile.ZipFile(written(bench, project, "kto", "dataset").path or "") as file:
        card = file.read("README.md").decode()
    assert "## Rewards" in card and "Labels are adjusted for annotator" in card and "not logged" in card
    plain = [json.loads(line) for line in Path(written(bench, project, "sft").path or "").read_text().splitlines()]
    assert plain and all("reward" not in row["corrigenda"] for row in plain)


def test_without_overlap_nobody_is_adjusted_for(bench: Bench) -> None:
    bench.start(HANDLERS, models(bench))
    project = judged(bench, overlap=False)
    assert "annotator" not in run(bench, project).result["removed"]
    with bench.db.read() as session:
        shown = text(view.parts(view.read(session, project))[view.PARTS.index("drivers")])
    assert "Not adjusted for annotator : no two people judged 20 of the same answers" in shown


def test_it_wakes_after_a_hundred_and_then_after_a_quarter_more(bench: Bench) -> None:
    bench.start(HANDLERS, models(bench))
    project = judged(bench, n=49)
    with bench.db.write() as session:
        assert not waking.drivers_due(session, project)
        empty = text(view.parts(view.read(session, project))[view.PARTS.index("drivers")])
        assert "needs 100 judged answers" in empty
    with bench.db.write() as session:
        new = items.add_many(session, project, [items.NewItem(f"x{k}", "q") for k in range(2)]).ids
        for item in new:
            output = outputs.add(session, outputs.NewOutput(item, "a", "m")).id
            build(session, Review, output_id=output, user_id=1)
        assert waking.wake_drivers(session, project)
    run(bench, project)
    with bench.db.read() as session:
        assert not waking.drivers_due(session, project)


def test_few_answers_leave_nothing_in_force(bench: Bench) -> None:
    bench.start(HANDLERS, models(bench))
    project = judged(bench, n=5)
    assert run(bench, project).result == {"labels": 0, "removed": [], "flips": 0}
    with bench.db.read() as session:
        assert label_drivers.in_force(session, project) is None
        assert not session.query(Correction).count()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_places_in_a_sitting_begin_anew_after_a_pause(bench: Bench) -> None:
    with bench.db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text").id
        person = users.create(session, "ann", "annotator").id
        ids = items.add_many(session, project, [items.NewItem(f"i{k}", "q") for k in range(4)]).ids
        start = now()
        for item, minutes in zip(ids, (0, 10, 35, 80), strict=True):
            output = outputs.add(session, outputs.NewOutput(item, "a", "m")).id
            shown = {"risk": {"value": 0.4}} if minutes else {"risk": None}
            at = start + timedelta(minutes=minutes)
            build(session, Review, output_id=output, user_id=person, created_at=at, shown=shown)
        found = label_drivers.judged(session, project)
    assert [one.place for one in found] == [0, 1, 2, 0] and [one.risk for one in found] == [None, 0.4, 0.4, 0.4]
