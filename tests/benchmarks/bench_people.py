"""Fifty people on one queue of 1,000,000 items, each of whom submits and takes the next item every five seconds, through the API.

On PostgreSQL with two web processes, on SQLite with one; the load generator is in this process, on the same machine. Beside it: a
claim inside the store, alone and under that load, and a bare commit of one row. No worker runs: the jobs that submissions ask for wait.
"""

from __future__ import annotations

import http.client
import os
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from app.worker import engine
from core.types import Role
from store import migrate, queue, users
from store.engine import Database
from tests.benchmarks import queue_rows
from tests.benchmarks.bench_claims import SERVER
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.bench_store import one_row, summary, timed
from tests.benchmarks.web_fleet import Program, Webs, decision

ITEMS, PEOPLE, EVERY, SECONDS = 1_000_000, 50, 5.0, 150.0
CLAIMS = 200


def run() -> dict[str, object]:
    figures: dict[str, object] = {
        "items": ITEMS,
        "people": PEOPLE,
        "seconds_between_actions": EVERY,
        "seconds": SECONDS,
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            with database(SERVER) as url:
                figures["postgresql"] = _measure(url, Path(folder) / "postgresql", webs=2)
        except psycopg.OperationalError as problem:
            figures["postgresql"] = f"not measured: {problem}".strip()
        url = f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        figures["sqlite"] = _measure(url, Path(folder) / "sqlite", webs=1)
    return figures


def _measure(url: str, folder: Path, webs: int) -> dict[str, object]:
    migrate.upgrade(url, None)
    engine.prepare(url)
    db = Database(url)
    try:
        begun = time.perf_counter()
        project = queue_rows.make_project(db)
        queue_rows.fill(db, project, ITEMS)
        filled = time.perf_counter() - begun
        tokens = queue_rows.people(db, PEOPLE)
        with db.write() as session:
            mine = users.create(session, "inside", Role.ANNOTATOR).id
        plain: list[float] = []
        for n in range(CLAIMS):
            timed(plain, lambda n=n: one_row(db, n))
        alone = _inside(db, project, mine, CLAIMS, pause=0)
        with Webs(url, folder, webs) as fleet:
            desks = [Desk(Program(fleet.ports, token, n), project, n) for n, token in enumerate(tokens)]
            threads = [threading.Thread(target=desk.work) for desk in desks]
            for thread in threads:
                thread.start()
            busy = _inside(db, project, mine, int(SECONDS), pause=0.9)
            for thread in threads:
                thread.join()
            processor = [_processor(process.pid) for process in fleet.processes.values()]
        return {
            "filled_s": round(filled, 1),
            "next_ms": summary([took for desk in desks for took in desk.nexts]),
            "submit_ms": summary([took for desk in desks for took in desk.submits]),
            "actions": sum(len(desk.submits) for desk in desks),
            "errors": dict(sum((desk.errors for desk in desks), Counter())),
            "claim_in_store_ms": {"alone": summary(alone), "under_load": summary(busy)},
            "one_row_commit_ms": summary(plain),
            "processor_seconds_of_webs": [round(one, 1) for one in processor],
            "load": round(os.getloadavg()[0], 1),
        }
    finally:
        db.dispose()


def _inside(db: Database, project: int, user: int, count: int, pause: float) -> list[float]:
    """Milliseconds of a claim in a transaction of its own; the item is submitted, so that the next claim is of another."""
    took: list[float] = []
    for _ in range(count):
        held = timed(took, lambda: _claim(db, project, user))
        with db.write() as session:
            queue.submit(session, held.assignment_id, held.token)
        time.sleep(pause)
    return took


def _claim(db: Database, project: int, user: int) -> queue.Claim:
    with db.write() as session:
        held = queue.claim_next(session, user, project)
    assert held is not None
    return held


class Desk:
    """A person before a page: at a moment of their own in every five seconds they submit what they hold and take the next."""

    def __init__(self, program: Program, project: int, number: int) -> None:
        self.program, self.project, self.draw = program, project, random.Random(number)
        self.nexts: list[float] = []
        self.submits: list[float] = []
        self.errors = Counter[str]()

    def work(self) -> None:
        begun = time.monotonic() + self.draw.random() * EVERY
        end, turn = begun + SECONDS, 0
        held = None
        while (due := begun + turn * EVERY) < end:
            time.sleep(max(0.0, due - time.monotonic()))
            turn += 1
            if held is not None:
                body = decision(held, f"The sum of turn {turn} is wrong.")
                self.ask(self.submits, f"/claims/{held['assignment_id']}/submit", body)
            held = self.ask(self.nexts, f"/projects/{self.project}/claims", {})

    def ask(self, into: list[float], path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            found = timed(into, lambda: self.program.once(path, body))
        except (OSError, http.client.HTTPException) as problem:
            self.errors[type(problem).__name__] += 1
            return None
        if found.status != 200:
            self.errors[str(found.status)] += 1
            return None
        return found.body if isinstance(found.body, dict) else None


def _processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
