"""Real worker processes, killed in the middle of real jobs: nothing is lost and nothing is done twice, on both databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.worker import engine, jobs
from core.types import JobState
from store import items, projects, workers
from store import jobs as rows
from store.engine import Database
from store.tables import Assignment, Item, Job, Output

ROOT = Path(__file__).parents[2]
ITEMS = 8
QUIET = {"generator": {"samples": 0}, "signals": [], "critics": []}


class Bench:
    """A project with items to answer, and workers as processes."""

    def __init__(self, db: Database, url: str, folder: Path) -> None:
        self.db, self.url, self.folder = db, url, folder
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir()
        engine.prepare(url, 2)
        with db.write() as session:
            project = projects.create(session, slug="p", name="P", item_type="text", settings=QUIET)
            new = [items.NewItem(f"i{n}", f"question {n}") for n in range(ITEMS)]
            self.items = items.add_many(session, project.id, new).ids
            self.project_id = project.id

    def worker(self, seconds: float = 0.5, *flags: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "tests.app.worker.slow_worker",
            self.url,
            str(self.folder),
            str(seconds),
            *flags,
        ]
        log = (self.folder / f"worker-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def enqueue(self, **how: int) -> int:
        with self.db.write() as session:
            payload = {"item_ids": self.items}
            return jobs.enqueue(session, "generate", payload, project_id=self.project_id, **how).id

    def job(self, job_id: int) -> Job:
        with self.db.read() as session:
            return rows.get(session, job_id)

    def answered(self) -> int:
        with self.db.read() as session:
            return session.scalar(select(func.count(Output.id))) or 0

    def calls(self) -> Counter[str]:
        return Counter((self.folder / "calls.txt").read_text().splitlines())

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        limit = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < limit, self.logs()
            time.sleep(0.02)

    def all_done(self) -> bool:
        with self.db.read() as session:
            states = session.scalars(select(Job.state)).all()
        return all(state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED) for state in states)

    def open_records(self) -> int:
        """What the engine still holds; a record closes a moment after the job's row."""
        table = "dbos.workflow_status" if self.db.dialect == "postgresql" else "workflow_status"
        with self.db.read() as session:
            query = text(f"SELECT count(*) FROM {table} WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED')")
            return session.scalar(query) or 0

    def check_exactly_once(self, job_id: int) -> None:
        """One answer per item, each queued for people once, analysed by one job of its chunk, and nothing left in the engine."""
        with self.db.read() as session:
            per_item = session.execute(select(Output.item_id, func.count()).group_by(Output.item_id)).all()
            assert dict(per_item) == dict.fromkeys(self.items, 1)
            keys = set(session.scalars(select(Output.effect_key)))
            assert keys == {f"job:{job_id}:item:{item_id}" for item_id in self.items}
            slots = session.execute(select(Assignment.item_id, func.count()).group_by(Assignment.item_id)).all()
            assert dict(slots) == dict.fromkeys(self.items, 1)
            analyses = session.scalars(select(Job).where(Job.kind == "analyse")).all()
            assert [job.state for job in analyses] == [JobState.DONE] * len(analyses)
            analysed = [output_id for job in analyses for output_id in job.payload["output_ids"]]
            assert sorted(analysed) == sorted(session.scalars(select(Output.id)))
            assert session.scalar(select(func.count(Item.id))) == ITEMS
        self.until(lambda: self.open_records() == 0)


@pytest.fixture
def bench(db: Database, database_url: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(db, database_url, tmp_path / "data")
    yield made
    made.end()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_worker_killed_in_the_middle(bench: Bench) -> None:
    job_id = bench.enqueue()
    first = bench.worker()
    bench.until(lambda: 2 <= bench.answered() < ITEMS)
    kill(first)
    kept = bench.answered()
    assert kept < ITEMS and bench.job(job_id).state == JobState.RUNNING
    bench.worker()
    bench.until(lambda: bench.job(job_id).state == JobState.DONE)
    bench.until(bench.all_done)
    assert bench.job(job_id).attempts == 2
    assert bench.job(job_id).result["outputs"] == ITEMS
    bench.check_exactly_once(job_id)
    asked = bench.calls()
    assert len(asked) == ITEMS and asked.total() <= ITEMS + 2  # at most the chunk that was lost is asked again


def test_a_worker_killed_between_the_last_effect_and_the_end(bench: Bench) -> None:
    job_id = bench.enqueue()
    first = bench.worker(0.1, "--die-after-effects")
    assert first.wait(timeout=60) == -signal.SIGKILL, bench.logs()
    assert bench.job(job_id).state == JobState.RUNNING and bench.answered() == ITEMS
    bench.worker(0.1)
    bench.until(lambda: bench.job(job_id).state == JobState.DONE)
    bench.until(bench.all_done)
    assert bench.job(job_id).attempts == 2
    bench.check_exactly_once(job_id)
    assert set(bench.calls().values()) == {1}  # no model call twice


def test_a_fellow_worker_takes_over(bench: Bench) -> None:
    both = [bench.worker(), bench.worker()]
    job_id = bench.enqueue()
    bench.until(lambda: bench.answered() >= 2)
    with bench.db.read() as session:
        holder = bench.job(job_id).worker_id
        pid = next(worker.pid for worker in workers.alive(session, 60) if worker.id == holder)
    kill(next(process for process in both if process.pid == pid))
    bench.until(lambda: bench.job(job_id).state == JobState.DONE)
    bench.until(bench.all_done)
    assert bench.job(job_id).worker_id != holder
    bench.check_exactly_once(job_id)


def test_a_job_that_kills_its_worker_every_time_becomes_a_dead_letter(bench: Bench) -> None:
    job_id = bench.enqueue(max_attempts=2)
    for _ in range(2):
        bench.worker(0.1, "--die-after-effects").wait(timeout=60)
    assert bench.job(job_id).attempts == 2
    last = bench.worker(0.1)
    bench.until(lambda: bench.job(job_id).state == JobState.FAILED)
    assert "died in the middle of attempt 2 of 2" in bench.job(job_id).error
    bench.until(bench.all_done)
    assert last.poll() is None


def test_a_worker_told_to_end_hands_its_job_on(bench: Bench) -> None:
    job_id = bench.enqueue()
    first = bench.worker()
    bench.until(lambda: bench.answered() >= 2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0, bench.logs()
    job = bench.job(job_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    with bench.db.read() as session:
        assert not workers.alive(session, 60)
    bench.worker(0.1)
    bench.until(lambda: bench.job(job_id).state == JobState.DONE)
    bench.until(bench.all_done)
    assert bench.job(job_id).attempts == 1
    bench.check_exactly_once(job_id)


def test_two_workers_may_start_at_once_on_a_fresh_database(bench: Bench) -> None:
    """Both make the engine's tables; one heartbeat each."""
    bench.worker()
    bench.worker()

    def both() -> bool:
        with bench.db.read() as session:
            return len(workers.alive(session, 5)) == 2

    bench.until(both)
