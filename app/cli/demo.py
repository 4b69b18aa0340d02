"""The demo in a browser: real problems, the bundled model, and a page that works while the model is still answering."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import typer

from app.cli import champ, seed
from app.cli.setup import SetupError, ready, settings_with
from app.cli.together import worker_beside
from app.worker import jobs
from core.types import JobPriority
from store import items
from store.engine import Database

FIRST_CHUNKS = (2, 4)  # small at first, so that there is something to review soon
CHUNK = 8


def run(data_dir: Path, *, port: int, problems: int, fresh: bool) -> None:
    """Seed, start the worker, serve until Ctrl-C."""
    from app.web import serve

    if fresh:
        _clear(data_dir)
    settings = settings_with(data_dir=data_dir, port=port, host="127.0.0.1", demo_sign_in=True)
    ready(settings)
    db = Database(settings.url)
    try:
        data = champ.load()
        waiting = ask_for_answers(db, seed.seed(db, data), data, problems)
        typer.echo(f"Data directory: {settings.data_dir.resolve()}")
        typer.echo(f"{waiting} problems are waiting for the model; the page is usable at once.")
        with worker_beside(settings):
            serve(settings, db)
    finally:
        db.dispose()


def _clear(data_dir: Path) -> None:
    """Only a folder that looks like ours is emptied; the converted models stay, since they take long to make."""
    if data_dir.exists() and any(data_dir.iterdir()) and not (data_dir / "corrigenda.sqlite").exists():
        raise SetupError(f"{data_dir} is not empty and holds no Corrigenda database: name another folder")
    for path in data_dir.glob("*"):
        if path.name == "models":
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def ask_for_answers(db: Database, seeded: seed.Seeded, data: champ.Champ, n: int) -> int:
    """Enqueue answers for the first ``n`` problems that have none yet; returns how many."""
    with db.write() as session:
        bare = set(items.without_output(session, seeded.project_id, len(data.problems)))
        wanted = [seeded.item_ids[p.id] for p in spread(data.problems, n)]
        missing = [i for i in wanted if i in bare]
        for ids in chunks(missing):
            jobs.enqueue(
                session,
                "generate",
                {"item_ids": ids},
                priority=JobPriority.BATCH,
                dedupe_key=f"demo:{ids[0]}",
                project_id=seeded.project_id,
                user_id=seeded.user_id,
            )
    return len(missing)


def spread(problems: Sequence[champ.Problem], n: int) -> list[champ.Problem]:
    """``n`` problems evenly through the file, so that every category is there."""
    return [problems[i * len(problems) // n] for i in range(min(n, len(problems)))]


def chunks(ids: Sequence[int]) -> list[list[int]]:
    """Cut into jobs: two small ones first, then equal ones."""
    cut: list[list[int]] = []
    at = 0
    while at < len(ids):
        size = FIRST_CHUNKS[len(cut)] if len(cut) < len(FIRST_CHUNKS) else CHUNK
        cut.append(list(ids[at : at + size]))
        at += size
    return cut
