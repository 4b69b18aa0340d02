"""A worker inside the test, with kinds of job that exist only here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from app.settings import Settings
from app.worker import engine, jobs
from app.worker.models import Models
from app.worker.payloads import PAYLOADS, Payload
from app.worker.runner import Context, Handler, Runner
from core.types import JobPriority, JobState
from store import jobs as rows
from store import projects
from store.engine import Database
from store.tables import Job


class Count(Payload):
    """Payload of the tests' own kinds."""

    n: int = 1


class AsksModel(Count):
    """Of a kind that belongs to workers with a model."""

    asks_model: ClassVar[bool] = True


@pytest.fixture
def settings(tmp_path: Any, database_url: str) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=database_url,
        worker_threads=2,
        worker_heartbeat_seconds=0.1,
        worker_dead_seconds=10.0,  # a machine busy with a fit must not make it look dead
    )


class Bench:
    """Starts runners, enqueues, and waits for states."""

    def __init__(self, db: Database, settings: Settings, patch: pytest.MonkeyPatch) -> None:
        self.db, self.settings, self._patch = db, settings, patch
        self.runner: Runner | None = None
        engine.prepare(settings.url, settings.worker_threads)

    def start(self, handlers: Mapping[str, Handler], models: Models | None = None) -> Runner:
        for kind in handlers:
            self._patch.setitem(PAYLOADS, kind, PAYLOADS.get(kind, self._payload(kind)))
        self.runner = Runner(self.settings, self.db, models or Models(self.settings, self.db), handlers)
        self.runner.start()
        return self.runner

    def stop(self, seconds: int = 5) -> bool:
        assert self.runner is not None
        runner, self.runner = self.runner, None
        return runner.stop(seconds)

    def enqueue(self, kind: str, *, payload: Mapping[str, Any] | None = None, **how: Any) -> int:
        self._patch.setitem(PAYLOADS, kind, PAYLOADS.get(kind, self._payload(kind)))
        how.setdefault("priority", JobPriority.NORMAL)
        with self.db.write() as session:
            return jobs.enqueue(session, kind, payload or {}, **how).id

    def _payload(self, kind: str) -> type[Payload]:
        return AsksModel if kind == "model" else Count

    def project(self, **settings: Any) -> int:
        with self.db.write() as session:
            return projects.create(session, slug="p", name="P", item_type="text", settings=settings).id

    def job(self, job_id: int) -> Job:
        with self.db.read() as session:
            return rows.get(session, job_id)

    def wait(self, job_id: int, *states: JobState, seconds: float = 120) -> Job:
        """Two minutes, because a machine that is busy with more than the tests takes long over a short job."""
        wanted = states or (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
        until(lambda: self.job(job_id).state in wanted, seconds, lambda: f"job is {self.job(job_id).state}")
        return self.job(job_id)


def until(true: Callable[[], bool], seconds: float = 20, told: Callable[[], str] = lambda: "it never came") -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, told()
        time.sleep(0.02)


@pytest.fixture
def bench(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(db, settings, monkeypatch)
    yield made
    if made.runner is not None:
        made.stop()


def no_work(context: Context, payload: Count) -> dict[str, Any]:
    return {"n": payload.n}


@pytest.fixture
def loop(bench: Bench) -> Any:
    from tests.app.worker.loop import Loop

    return Loop(bench)
