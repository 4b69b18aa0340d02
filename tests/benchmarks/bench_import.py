"""Rows of a JSONL file into a project by ``corrigenda import``: rows per second and growth of memory, on SQLite and on PostgreSQL.

    CORRIGENDA_BENCH_ROWS=1000000 python -m tests.benchmarks import

Each import runs in a process of its own; growth of memory is its peak less that of an import of 1,000 rows. Starting is not counted.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from app.settings import Settings
from store import migrate
from tests.benchmarks.bench_claims import SERVER
from tests.benchmarks.bench_jobs import database

ROWS, SMALL = int(os.environ.get("CORRIGENDA_BENCH_ROWS", "200000")), 1000


def run() -> dict[str, object]:
    figures: dict[str, object] = {"rows": ROWS}
    with tempfile.TemporaryDirectory() as folder:
        small, large = _file(Path(folder), SMALL), _file(Path(folder), ROWS)
        figures["sqlite"] = _measure(f"sqlite:///{Path(folder) / 'bench.sqlite'}", small, large)
        try:
            with database(SERVER) as url:
                figures["postgresql"] = _measure(url, small, large)
        except psycopg.OperationalError as problem:
            figures["postgresql"] = f"not measured: {problem}".strip()
    return figures


def _file(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.jsonl"
    with path.open("w") as file:
        for n in range(rows):
            question = f"A shop has {n} boxes of {n % 13} apples and sells {n % 7} boxes. How many apples are left?"
            row = {"id": f"{rows}-{n}", "prompt": question, "reference": str((n - n % 7) * (n % 13)), "source": "bench"}
            file.write(json.dumps(row) + "\n")
    return path


def _measure(url: str, small: Path, large: Path) -> dict[str, Any]:
    migrate.upgrade(url, None)
    before, found = _child(url, small), _child(url, large)
    growth = found["peak_mb"] - before["peak_mb"]
    return {
        "rows_per_second": round(ROWS / found["seconds"]),
        "rows_per_second_of_processor": round(ROWS / found["processor_s"]),
        "memory_growth_mb": round(growth, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def _child(url: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_import", url, str(path)]
    said: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1]
    )
    return said


def main() -> None:
    from app.cli.data import import_path

    url, path = sys.argv[1], Path(sys.argv[2])
    settings = Settings(_env_file=None, data_dir=path.parent / "data", database_url=url)
    begun, used = time.perf_counter(), time.process_time()
    refused = import_path(settings, path, "bench", [], create=True, as_json=True)
    assert refused == 0
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "processor_s": processor, "peak_mb": peak}))


if __name__ == "__main__":
    main()
