"""Enqueue to start of a job, cost of enqueueing, idle cost of a worker, and jobs per second, on SQLite and on PostgreSQL.

The worker runs in this process with a kind of job that does nothing. PostgreSQL is that of ``CORRIGENDA_TEST_POSTGRES_URL``, or the
local server; where there is none the figures say so.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.settings import Settings
from app.worker import engine, jobs
from app.worker.models import Models
from app.worker.payloads import PAYLOADS, Payload
from app.worker.runner import Context, Runner
from core.types import JobPriority
from store import migrate
from store.engine import Database

JOBS, MANY, IDLE_SECONDS = 100, 300, 8.0


class Nothing(Payload):
    n: int


def run() -> dict[str, object]:
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = _measure(f"sqlite:///{Path(folder) / 'bench.sqlite'}", Path(folder))
        server = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
        try:
            with database(server) as url:
                figures["postgresql"] = _measure(url, Path(folder))
        except psycopg.OperationalError as problem:
            figures["postgresql"] = f"not measured: {problem}".strip()
    return figures


@contextmanager
def database(server: str) -> Iterator[str]:
    name = f"corrigenda_bench_{os.getpid()}"
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, connect_timeout=3) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _measure(url: str, folder: Path) -> dict[str, object]:
    migrate.upgrade(url, None)
    settings = Settings(_env_file=None, data_dir=folder, database_url=url)
    engine.prepare(url, settings.worker_threads)
    db = Database(url)
    started: dict[int, float] = {}
    PAYLOADS["nothing"] = Nothing

    def nothing(context: Context, payload: Nothing) -> dict[str, Any]:
        started[payload.n] = time.perf_counter()
        return {}

    runner = Runner(settings, db, Models(settings, db), {"nothing": nothing})
    runner.start()
    time.sleep(2)
    try:
        return {
            "idle_cpu_percent": _idle(),
            "person_waiting": _latency(db, started, JobPriority.PERSON_WAITING),
            "normal": _latency(db, started, JobPriority.NORMAL),
            "jobs_per_second": _throughput(db, started),
        }
    finally:
        runner.stop()
        db.dispose()
        del PAYLOADS["nothing"]


def _idle() -> float:
    begun = time.process_time()
    time.sleep(IDLE_SECONDS)
    return round((time.process_time() - begun) / IDLE_SECONDS * 100, 1)


def _latency(db: Database, started: dict[int, float], priority: int) -> dict[str, dict[str, float]]:
    """Milliseconds, one job at a time with a pause that shares no factor with the looks at the queue."""
    started.clear()
    sent, cost = {}, []
    for n in range(JOBS):
        begun = time.perf_counter()
        _enqueue(db, n, priority)
        sent[n] = time.perf_counter()
        cost.append(sent[n] - begun)
        _until(lambda n=n: n in started)
        time.sleep(0.037)
    return {"to_start_ms": _summary([started[n] - sent[n] for n in sent]), "enqueue_ms": _summary(cost)}


def _throughput(db: Database, started: dict[int, float]) -> float:
    started.clear()
    for n in range(MANY):
        _enqueue(db, n, JobPriority.BATCH)
    begun, before = time.perf_counter(), len(started)
    _until(lambda: len(started) == MANY)
    return round((MANY - before) / (time.perf_counter() - begun), 1)


def _enqueue(db: Database, n: int, priority: int) -> None:
    with db.write() as session:
        jobs.enqueue(session, "nothing", {"n": n}, priority=priority)


def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.perf_counter() + seconds
    while not true():
        if time.perf_counter() > limit:
            raise TimeoutError("a job did not start")
        time.sleep(0.001)


def _summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered) * 1000, 1),
        "p95": round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
    }
