"""Three worker processes against one, and a hundred kills: jobs per second, and whether each job's effect is there once.

Workers are processes of their own session with a data directory each, as on machines of their own. Their generator is a named fake
that sleeps, because two cores cannot show how real models add up; everything else is the product. On both databases.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select

from app.worker import engine, jobs
from core.types import JobState
from store import items, migrate, projects
from store import workers as worker_rows
from store.engine import Database
from store.tables import Job, Output
from tests.benchmarks.bench_jobs import database

ITEMS, SECONDS, WORKERS, KILLS = 60, 0.9, 3, 100
QUIET = {"generator": {"samples": 0}, "signals": [], "critics": []}


def run() -> dict[str, object]:
    figures: dict[str, object] = {"workers": WORKERS, "kills": KILLS}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = _measure(f"sqlite:///{Path(folder) / 'bench.sqlite'}", Path(folder) / "sqlite")
        server = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
        try:
            with database(server) as url:
                figures["postgresql"] = _measure(url, Path(folder) / "postgresql")
        except psycopg.OperationalError as problem:
            figures["postgresql"] = f"not measured: {problem}".strip()
    figures["load_average"] = round(os.getloadavg()[0], 1)
    return figures


class Fleet:
    """Worker processes that are there, and what they have done."""

    def __init__(self, db: Database, url: str, folder: Path) -> None:
        self.db, self.url, self.folder = db, url, folder
        self.processes: list[subprocess.Popen[bytes]] = []
        with db.write() as session:
            self.project = projects.create(session, slug="p", name="P", item_type="text", settings=QUIET).id
        self.made = 0

    def start(self, seconds: float) -> subprocess.Popen[bytes]:
        own = self.folder / f"machine-{self.made}"
        self.made += 1
        own.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.app.worker.slow_worker", self.url, str(own), str(seconds)]
        with (own / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def enqueue(self, count: int, name: str) -> list[int]:
        """A job for each of ``count`` new items."""
        with self.db.write() as session:
            new = [items.NewItem(f"{name}-{n}", f"question {n}") for n in range(count)]
            ids = items.add_many(session, self.project, new).ids
            for item_id in ids:
                jobs.enqueue(session, "generate", {"item_ids": [item_id]}, project_id=self.project, max_attempts=1000)
        return list(ids)

    def alive(self) -> int:
        with self.db.read() as session:
            seen = {row.pid for row in worker_rows.alive(session, 60.0)}
        return len(seen & {process.pid for process in self.processes})

    def open_jobs(self) -> int:
        with self.db.read() as session:
            unfinished = Job.state.in_((JobState.QUEUED.value, JobState.RUNNING.value))
            return session.scalar(select(func.count(Job.id)).where(unfinished)) or 0

    def answers(self) -> Counter[int]:
        with self.db.read() as session:
            return Counter(session.scalars(select(Output.item_id)).all())


def _measure(url: str, folder: Path) -> dict[str, Any]:
    migrate.upgrade(url, None)
    engine.prepare(url, 2)
    db = Database(url)
    fleet = Fleet(db, url, folder)
    try:
        one, many = _rate(fleet, 1), _rate(fleet, WORKERS)
        return {
            "jobs_per_second_one": round(one, 2),
            "jobs_per_second_three": round(many, 2),
            "ratio": round(many / one, 2),
            **_killed(fleet),
        }
    finally:
        fleet.end()
        db.dispose()


def _rate(fleet: Fleet, workers: int) -> float:
    """Jobs per second of workers that are up already; the answers' analyses are part of it."""
    for _ in range(workers):
        fleet.start(SECONDS)
    _until(
        lambda: fleet.alive() >= workers
    )  # else one that is still loading its libraries is timed, on the others' processors
    fleet.enqueue(2 * workers, f"warm-{workers}")
    _until(lambda: fleet.open_jobs() == 0)
    begun = time.perf_counter()
    fleet.enqueue(ITEMS, f"rate-{workers}")
    _until(lambda: fleet.open_jobs() == 0)
    taken = time.perf_counter() - begun
    fleet.end()
    return ITEMS / taken


def _killed(fleet: Fleet) -> dict[str, Any]:
    """A worker at random is killed and another begun in its place, while jobs keep coming."""
    draw, before = random.Random(0), set(fleet.answers())
    wanted: list[int] = []
    for _ in range(WORKERS):
        fleet.start(0.3)
    for number in range(KILLS):
        wanted += fleet.enqueue(2, f"kill-{number}")
        time.sleep(draw.uniform(0.5, 3.0))
        gone = fleet.processes.pop(draw.randrange(len(fleet.processes)))
        gone.send_signal(signal.SIGKILL)
        gone.wait()
        fleet.start(0.3)
    _until(lambda: fleet.open_jobs() == 0, 300)
    found = fleet.answers()
    with fleet.db.read() as session:
        failed = session.execute(select(Job.kind, Job.state, Job.error).where(Job.state != JobState.DONE.value)).all()
    return {
        "jobs_during_kills": len(wanted),
        "lost": sum(found[item] == 0 for item in wanted),
        "twice": sum(found[item] > 1 for item in wanted),
        "not_done": [f"{kind} {state}: {error[:200]}" for kind, state, error in failed],
        "others": len(set(found) - before - set(wanted)),
    }


def _until(true: Callable[[], bool], seconds: float = 180) -> None:
    limit = time.perf_counter() + seconds
    while not true():
        if time.perf_counter() > limit:
            raise TimeoutError("jobs did not end")
        time.sleep(0.05)
