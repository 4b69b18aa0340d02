"""The demo without a browser: the same loop, driven through the same store and the same worker, with counts and times.

The first ``problems`` problems that have hints and concepts are *taught*: the model answers them, people's hints are replayed as the
correction, the model tries again, the people's own solution is the rewrite, and what was said becomes lessons. All other problems
are *held out*: retrieval is scored on them, by whether a retrieved lesson comes from a problem that shares a gold concept (concepts
enter no prompt), and some of them are answered with lessons in the prompt.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import typer

from app.cli import champ, seed
from app.cli.headless_stages import HeadlessRun, StageEmpty, run_stages
from app.cli.setup import ready, settings_with
from app.cli.together import worker_beside
from app.cli.waiting import JobsFailed
from store.engine import Database

LEAST_PROBLEMS = 24


def run(data_dir: Path, *, problems: int, as_json: bool) -> bool:
    """Run every stage in a fresh folder below ``data_dir``; true when each of them really did something."""
    if problems < LEAST_PROBLEMS:
        raise ValueError(f"a headless run takes at least {LEAST_PROBLEMS} problems, not {problems}")
    begun = time.perf_counter()
    settings = settings_with(data_dir=_fresh_folder(data_dir))
    ready(settings)
    db = Database(settings.url)
    failed = ""
    try:
        data = champ.load()
        taught, held_out = split(data, problems)
        with worker_beside(settings):
            work = HeadlessRun(db, settings, seed.seed(db, data), taught, held_out)
            try:
                run_stages(work)
            except (JobsFailed, StageEmpty) as problem:
                failed = str(problem)
    finally:
        db.dispose()
    work.seconds["total"] = round(time.perf_counter() - begun, 2)
    result = {"ok": not failed, **work.counts, "seconds": work.seconds, "data_dir": str(settings.data_dir)}
    _report(result | ({"failed": failed} if failed else {}), as_json=as_json)
    return not failed


def _fresh_folder(data_dir: Path) -> Path:
    """A new folder each time, so that a run never counts what an earlier one did; models are shared beside them."""
    folder = data_dir.resolve() / time.strftime("headless-%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    models = folder.parent / "models"
    models.mkdir(exist_ok=True)
    (folder / "models").symlink_to(models)
    return folder


def split(data: champ.Champ, n: int) -> tuple[tuple[champ.Problem, ...], tuple[champ.Problem, ...]]:
    """Taught problems are spread over the file, so that held-out ones of every category have a relative among them."""
    able = [p for p in data.problems if p.hints and p.concepts]
    if len(able) < n:
        raise ValueError(f"only {len(able)} problems have both hints and concepts, {n} were asked for")
    taught = tuple(able[i * len(able) // n] for i in range(n))
    chosen = {p.id for p in taught}
    return taught, tuple(p for p in data.problems if p.id not in chosen)


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, value in result.items():
        typer.echo(f"{name}: {value}")
