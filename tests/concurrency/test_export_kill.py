"""An export whose worker is killed half-way is taken up by the next one and has the same bytes, on both databases."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import exporting
from app.worker import engine
from core.exporters import REGISTRY
from core.exporters.containers import Container
from core.types import JobState
from store import exports, jobs, projects
from store.engine import Database
from tests.benchmarks.export_rows import fill

ROOT = Path(__file__).parents[2]
ROWS = 3000


class Bench:
    """A project of reviewed answers, and workers as processes."""

    def __init__(self, db: Database, url: str, folder: Path) -> None:
        self.db, self.url, self.folder = db, url, folder
        folder.mkdir()
        engine.prepare(url, 2)
        self.project_id = fill(db, ROWS)
        self.processes: list[subprocess.Popen[bytes]] = []

    def worker(self, *flags: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.concurrency.export_worker", self.url, str(self.folder), *flags]
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def enqueue(self, container: Container) -> int:
        with self.db.write() as session:
            user = exports.list_all(session, self.project_id)
            assert not user
            row = exporting.enqueue(session, self.project_id, format="dpo", container=container, filters={}, user_id=1)
        return row.id

    def state(self, export_id: int) -> tuple[str, int, dict[str, object]]:
        with self.db.read() as session:
            job = jobs.get(session, exports.get(session, export_id).job_id or 0)
        return job.state, job.attempts, job.result

    def until_done(self, export_id: int) -> None:
        limit = time.monotonic() + 60
        while self.state(export_id)[0] != JobState.DONE:
            assert time.monotonic() < limit, (self.folder / "worker.log").read_text()[-3000:]
            time.sleep(0.05)

    def whole(self, path: Path, container: Container) -> str:
        """The hash of the same export without a kill."""
        with self.db.read() as session:
            project = projects.get(session, self.project_id)
            made = exporting.write(
                session, project, path, REGISTRY.make("dpo"), filters={}, created_at="", container=container
            )
        return made.sha256


@pytest.fixture
def bench(db: Database, database_url: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(db, database_url, tmp_path / "data")
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_a_killed_export_is_taken_up_and_has_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    export_id = bench.enqueue("parquet")
    assert bench.worker("2000").wait(timeout=60) == -signal.SIGKILL
    state, attempts, kept = bench.state(export_id)
    assert (state, attempts) == (JobState.RUNNING, 1)
    assert kept["checkpoint"]["rows"] == kept["checkpoint"]["after"] == 2000  # type: ignore[index]
    half = bench.folder / "exports" / str(kept["partial"])
    with half.open("ab") as file:  # what was written after the checkpoint is cut off
        file.write(b'{"half a ro')
    read = hashlib.sha256(half.read_bytes()[: kept["checkpoint"]["size"]]).hexdigest()  # type: ignore[index]
    assert read == kept["checkpoint"]["sha256"]  # type: ignore[index]
    bench.worker()
    bench.until_done(export_id)
    assert bench.state(export_id)[1] == 2
    with bench.db.read() as session:
        row = exports.get(session, export_id)
    assert (row.rows, row.sha256) == (ROWS, bench.whole(tmp_path / "whole", "parquet"))
    assert row.sha256 == hashlib.sha256(Path(row.path or "").read_bytes()).hexdigest()
    assert not list((bench.folder / "exports").glob("*.partial"))
