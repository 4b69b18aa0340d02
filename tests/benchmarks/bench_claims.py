"""10,000 claims by 32 people in four processes, on SQLite and on PostgreSQL: how fast, whether a slot was given twice or is left over.

Each person claims, submits, and gives every twentieth item back, without a pause between; beside it a bare commit of one row.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import psycopg
from sqlalchemy import select

from store import migrate, queue
from store.engine import Database
from store.tables import User
from tests.benchmarks import queue_rows
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.bench_store import one_row, summary, timed
from tests.concurrency.claiming_process import in_processes

SLOTS, PROCESSES, PEOPLE = 10_000, 4, 32
SERVER = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def run() -> dict[str, object]:
    figures: dict[str, object] = {"slots": SLOTS, "processes": PROCESSES, "people": PEOPLE}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = _measure(f"sqlite:///{Path(folder) / 'bench.sqlite'}")
    try:
        with database(SERVER) as url:
            figures["postgresql"] = _measure(url)
    except psycopg.OperationalError as problem:
        figures["postgresql"] = f"not measured: {problem}".strip()
    return figures


def _measure(url: str) -> dict[str, object]:
    migrate.upgrade(url, None)
    db = Database(url)
    try:
        project = queue_rows.make_project(db)
        queue_rows.fill(db, project, SLOTS)
        queue_rows.people(db, PEOPLE)
        plain: list[float] = []
        for n in range(200):
            timed(plain, lambda n=n: one_row(db, n))
        with db.read() as session:
            users = list(session.scalars(select(User.id).where(User.name.like("annotator-%"))))
        done = in_processes(url, project, [users[n::PROCESSES] for n in range(PROCESSES)], timeout=1800)
        finished = Counter(slot for slot, _, _ in done.submitted)
        with db.read() as session:
            left = queue.counts(session, project)
        return {
            "finished_twice": sum(times - 1 for times in finished.values()),
            "left_over": {name: left[name] for name in ("open", "claimed", "expired")},
            "submitted": left["submitted"],
            "given_back": len(done.given) - len(done.submitted),
            "seconds": round(done.seconds, 1),
            "claims_per_second": round(len(done.given) / done.seconds, 1),
            "claim_ms": summary(done.claim_ms),
            "one_row_commit_ms": summary(plain),
            "load": round(os.getloadavg()[0], 1),
        }
    finally:
        db.dispose()
