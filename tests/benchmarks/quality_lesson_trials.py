"""Figures of BENCHMARKS.md, "Trying lessons": ``python -m tests.benchmarks.quality_lesson_trials FORMAT FOLDER [EXEMPLARS [ITEMS]]``.

A project of labels, some items whose label people gave as exemplars, and the job ``try_lessons`` on other items, with the bundled
model and encoder. The labels of the tried items judge and are in no prompt.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from app.settings import Settings
from app.worker.handlers.embed import embed
from app.worker.handlers.probe_lessons import probe_lessons
from app.worker.handlers.try_lessons import try_lessons
from app.worker.models import Models
from app.worker.payloads import Embed, ProbeLessons, TryLessons
from app.worker.runner import Context
from app.worker.texts import PartialTexts
from core.evaluation import formats
from core.types import LessonDraft, LessonKind
from store import edit_suites, items, jobs, lesson_trials, lessons, migrate, projects, users
from store.engine import Database

SEED = 0


def main(form: str, folder: Path, exemplars: int, tried: int) -> dict[str, Any]:
    rows = formats.read(form, folder)
    drawn = Random(SEED).sample(list(rows.rows), exemplars + tried)
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(_env_file=None, data_dir=Path(place))
        migrate.upgrade(settings.url, None)
        db = Database(settings.url)
        with db.write() as session:
            user = users.create(session, "ann", "admin").id
            made = projects.create(session, slug="p", name="P", item_type="label", labels=list(rows.labels))
            drafts = [_exemplar(row.texts[0], rows.labels[row.gold]) for row in drawn[:exemplars]]
            ids = lessons.propose(session, made.id, drafts, author_id=user)
            for lesson_id in ids:
                lessons.accept(session, lesson_id, user)
            new = [items.NewItem(str(n), row.texts[0], reference=rows.labels[row.gold]) for n, row in enumerate(drawn)]
            items.add_many(session, made.id, new[exemplars:])
            job = jobs.create(session, "try_lessons", {}, priority=100, project_id=made.id)[0]
            jobs.start(session, job.id, "bench")
            project_id = made.id
        context = Context(db, settings, Models(settings, db), PartialTexts(), job, threading.Event())
        embed(context, Embed(project_id=project_id))
        _ = context.models.batcher
        begun = time.monotonic()
        result = try_lessons(context, TryLessons(project_id=project_id, size=tried, seed=SEED))
        seconds = time.monotonic() - begun
        begun = time.monotonic()
        probe_lessons(context, ProbeLessons(project_id=project_id, lesson_ids=ids[:10]))
        suites = time.monotonic() - begun
        with db.read() as session:
            report = dict(lesson_trials.report(session, project_id))
            runs = [edit_suites.newest_run(session, lessons.get(session, id_)) for id_ in ids[:10]]
        db.dispose()
    single = report.pop("lessons")
    report.pop("weeks")
    return {
        **report,
        "result": result,
        "seconds_per_pair": round(seconds / (result["items"] + result["single"] / 2), 2),
        "single_lessons": len(single),
        "single_changed": sum(one["fixed"] + one["broken"] for one in single.values()),
        "suites": [(run.canonical, run.found, run.probes, run.hits, run.negatives) for run in runs if run],
        "seconds_per_suite": round(suites / 10, 2),
    }


def _exemplar(text: str, label: str) -> LessonDraft:
    question = " ".join(text.split())
    draft = f"Question: {question}\nAnswer: {label}"
    return LessonDraft(LessonKind.EXEMPLAR, draft, question[:300], (), extra={"question": text, "answer": label})


if __name__ == "__main__":
    numbers = [int(value) for value in sys.argv[3:5]]
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), *(numbers + [100, 60][len(numbers) :]))))
