"""The list of what waits in a queue of 1,000,000 items, through the API: 50 rows, narrowed, in the order of risk; and its statements.

Pages: the first, one further down, those above a risk, those with a word that every fifth item has, and with one that only one has.
"""

from __future__ import annotations

import http.client
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from sqlalchemy import event

from app.worker import engine
from core.types import Role
from store import migrate, queue
from store.engine import Database
from tests.benchmarks import queue_rows
from tests.benchmarks.bench_claims import SERVER
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.bench_store import summary, timed
from tests.benchmarks.web_fleet import Webs

ITEMS, ROUNDS, DOWN = 1_000_000, 100, 200
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "above_a_risk": {"min_risk": 0.9},
    "common_word": {"text": "7?"},
    "common_word_above_a_risk": {"text": "7?", "min_risk": 0.5},
}
RARE = {"text": "i777777"}


def run() -> dict[str, object]:
    figures: dict[str, object] = {"items": ITEMS}
    with tempfile.TemporaryDirectory() as folder:
        try:
            with database(SERVER) as url:
                figures["postgresql"] = _measure(url, Path(folder) / "postgresql")
        except psycopg.OperationalError as problem:
            figures["postgresql"] = f"not measured: {problem}".strip()
        figures["sqlite"] = _measure(f"sqlite:///{Path(folder) / 'bench.sqlite'}", Path(folder) / "sqlite")
    return figures


def _measure(url: str, folder: Path) -> dict[str, object]:
    migrate.upgrade(url, None)
    engine.prepare(url)
    db = Database(url)
    try:
        project = queue_rows.make_project(db)
        queue_rows.fill(db, project, ITEMS)
        (token,) = queue_rows.people(db, 1, scope="outputs:read", role=Role.EXPERT)
        with Webs(url, folder, 1) as webs:
            return measure(db, project, webs.ports[0], token)
    finally:
        db.dispose()


def measure(db: Database, project: int, port: int, token: str) -> dict[str, object]:
    """On rows that are there; ``token`` reads outputs."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def page(**asked: Any) -> int:
        path = f"/api/v1/projects/{project}/queues/annotate/waiting?{urlencode({'limit': 50, **asked})}"
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
        found = connection.getresponse()
        body = found.read()
        assert found.status == 200, body
        return len(body)

    figures: dict[str, object] = {}
    for name, asked in FILTERS.items():
        took: list[float] = []
        page(**asked)
        for _ in range(ROUNDS):
            timed(took, lambda asked=asked: page(**asked))
        figures[f"{name}_ms"] = summary(took)
    rare: list[float] = []
    timed(rare, lambda: page(**RARE))
    return figures | {
        "page_further_down": _down(db, project),
        "word_of_one_item_ms": round(rare[0]),
        "load": round(os.getloadavg()[0], 1),
    }


def _down(db: Database, project: int) -> dict[str, object]:
    """Inside the store: the pages after ``DOWN`` ones, and the statements of one."""
    after, took, seen = 0, [], []
    with db.read() as session:
        after = queue.waiting(session, project, DOWN * 50)[-1].assignment_id
    for _ in range(ROUNDS):
        with db.read() as session:
            rows = timed(took, lambda after=after, session=session: queue.waiting(session, project, 50, after=after))
        after = rows[-1].assignment_id
    with db.read() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *told: seen.append(told[2]))
        queue.waiting(session, project, 50, after=after, words="7?", least_risk=0.1)
    return {"in_store_ms": summary(took), "statements": len(seen)}
