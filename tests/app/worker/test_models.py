"""The models of a worker: loaded when first asked for, and once."""

from __future__ import annotations

import time

from app.settings import Settings
from app.worker.models import Models
from app.worker.runner import Context
from core.types import JobState
from store.engine import Database
from tests.app.worker.conftest import Bench
from tests.app.worker.fakes import FakeGenerator


def test_jobs_that_come_at_once_and_later_share_one_loaded_model(
    bench: Bench, db: Database, settings: Settings
) -> None:
    loads: list[str] = []

    def make_generator(chosen: Settings) -> FakeGenerator:
        loads.append(chosen.model)
        time.sleep(0.3)  # long enough for a second job to come to the same door
        return FakeGenerator()

    models = Models(settings, db, make_generator=make_generator)
    seen: list[int] = []

    def ask(context: Context, _: object) -> dict[str, int]:
        seen.append(id(context.models.batcher))
        return {}

    assert loads == [], "nothing is loaded before a job needs it"
    bench.start({"model": ask}, models)
    for job_id in [bench.enqueue("model") for _ in range(6)]:
        assert bench.wait(job_id).state == JobState.DONE
    assert bench.wait(bench.enqueue("model")).state == JobState.DONE
    assert loads == [settings.model]
    assert len(seen) == 7 and len(set(seen)) == 1
