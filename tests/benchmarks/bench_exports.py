"""A million reviewed rows to JSON lines and Parquet on both databases: rows per second, memory, and the hash after a kill.

    CORRIGENDA_BENCH_ROWS=1000000 python -m tests.benchmarks exports

Each export runs in a process of its own; growth of memory is its peak less what it held after a small export. PostgreSQL is that of
``CORRIGENDA_TEST_POSTGRES_URL``, or the local server; where there is none the figures say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from app import exporting
from app.settings import Settings
from app.worker import engine
from core.exporters import REGISTRY
from core.exporters.containers import Container
from core.types import JobState
from store import exports, migrate, projects
from store import jobs as rows
from store.engine import Database
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.export_rows import fill

ROWS = int(os.environ.get("CORRIGENDA_BENCH_ROWS", "1000000"))
KINDS: tuple[tuple[str, Container], ...] = (("sft", "jsonl"), ("dpo", "jsonl"), ("sft", "parquet"), ("dpo", "parquet"))


def run() -> dict[str, object]:
    figures: dict[str, object] = {"rows": ROWS}
    with tempfile.TemporaryDirectory(dir=os.environ.get("CORRIGENDA_BENCH_DIR")) as folder:
        for name, url in _databases(Path(folder)):
            figures[name] = url if url.startswith("not ") else _measure(url, Path(folder) / name)
    return figures


def _databases(folder: Path) -> Iterator[tuple[str, str]]:
    yield "sqlite", f"sqlite:///{folder / 'bench.sqlite'}"
    server = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
    try:
        with database(server) as url:
            yield "postgresql", url
    except psycopg.OperationalError as problem:
        yield "postgresql", f"not measured: {problem}".strip()


def _measure(url: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    migrate.upgrade(url, None)
    db = Database(url)
    begun = time.perf_counter()
    project_id = fill(db, ROWS)
    figures: dict[str, Any] = {"made_s": round(time.perf_counter() - begun, 1)}
    for format, container in KINDS:
        done = subprocess.run(
            [sys.executable, "-m", __name__, url, str(folder / "out"), format, container],
            check=True,
            capture_output=True,
            text=True,
        )
        figures[f"{format} {container}"] = json.loads(done.stdout.splitlines()[-1])
    figures["killed half-way"] = _killed(db, url, folder, project_id, str(figures["dpo jsonl"]["sha256"]))
    db.dispose()
    return figures


def _killed(db: Database, url: str, folder: Path, project_id: int, sha256: str) -> dict[str, Any]:
    """An export job whose worker is killed with SIGKILL at half of the rows, and the worker that takes it up."""
    settings = Settings(_env_file=None, data_dir=folder, database_url=url)  # type: ignore[call-arg]
    engine.prepare(settings.url, 2)
    with db.write() as session:
        row = exporting.enqueue(session, project_id, format="dpo", container="jsonl", filters={}, user_id=1)
    command = [sys.executable, "-m", "tests.concurrency.export_worker", url, str(folder)]
    subprocess.run([*command, str(ROWS // 2)], check=False, capture_output=True)
    with db.read() as session:
        kept = rows.get(session, row.job_id or 0).result["checkpoint"]["rows"]
    begun = time.perf_counter()
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with db.read() as session:
                job = rows.get(session, row.job_id or 0)
            if job.state in (JobState.DONE, JobState.FAILED):
                break
            time.sleep(0.2)
    finally:
        second.kill()
        second.wait()
    with db.read() as session:
        done = exports.get(session, row.id)
    seconds = round(time.perf_counter() - begun, 1)
    return {"kept_rows": kept, "the_rest_s": seconds, "attempts": job.attempts, "same_hash": done.sha256 == sha256}


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class _Peak(threading.Thread):
    """The most memory that this process held while it ran."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.stop = 0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.05):
            self.most = max(self.most, _rss())


def child(url: str, out: Path, format: str, container: Container) -> dict[str, Any]:
    """One export, after a small one of what is judged acceptable: nothing, but everything is imported."""
    db = Database(url)
    with db.read() as session:
        project = projects.by_slug(session, "bench")
        assert project is not None
        for filters in ({"verdict": "acceptable"}, {}):
            peak, base, begun, used = _Peak(), _rss(), time.perf_counter(), time.process_time()
            peak.start()
            exporter = REGISTRY.make(format)
            made = exporting.write(session, project, out, exporter, filters=filters, created_at="", container=container)
            peak.stop.set()
            peak.join()
            seconds, cpu = time.perf_counter() - begun, time.process_time() - used
            if not filters and made.rows == 0:
                raise RuntimeError("no rows")
    return {
        "rows_per_s": round(made.rows / seconds),
        "rows_per_cpu_s": round(made.rows / cpu),
        "rss_growth_mb": round((peak.most - base) / 2**20, 1),
        "mb": round(out.stat().st_size / 2**20),
        "sha256": made.sha256,
    }


if __name__ == "__main__":
    print(json.dumps(child(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])))  # type: ignore[arg-type]
