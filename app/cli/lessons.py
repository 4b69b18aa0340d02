"""A knowledge base in and out from the command line."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import orjson
import typer

from app import exporting
from app.cli.data import opened, project_named
from app.lesson_changes import embed_new
from app.settings import Settings
from core.lessons import knowledge_base as files
from core.types import ItemType
from store import clock, knowledge_base, projects


def export_lessons(settings: Settings, slug: str, out: Path) -> None:
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent}")
    with opened(settings) as db, db.read() as session:
        head = exporting.write_lessons(
            session, project_named(session, slug), out, created_at=clock.now().isoformat(timespec="seconds")
        )
    typer.echo(f"{head.lessons} lessons written to {out}, SHA-256 of the rows {head.sha256}.")
    for status, count in head.left_out.items():
        typer.echo(f"  left out {count}: {status}")


def import_lessons(
    settings: Settings, path: Path, slug: str, *, as_they_stand: bool, create: bool, as_json: bool
) -> None:
    """A file that is damaged is refused as a whole. Vectors are computed once a worker runs."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    plain, so_far = files.check(path) is None, knowledge_base.Brought()
    with opened(settings) as db:
        with db.write() as session:
            if create and projects.by_slug(session, slug) is None:
                projects.create(session, slug=slug, name=slug, item_type=ItemType.REASONING)
            project_id = project_named(session, slug).id
        rows = files.rows(path)
        while batch := list(islice(rows, knowledge_base.BATCH)):
            with db.write() as session:
                new = knowledge_base.keep(
                    session, project_id, batch, so_far, user_id=None, as_they_stand=as_they_stand, plain=plain
                )
                embed_new(session, project_id, new, None)
    told = so_far.told()
    if as_json:
        typer.echo(orjson.dumps(told).decode())
        return
    typer.echo(
        f"{told['added']} lessons added, {told['unchanged']} were there, {told['known']} are said by others; "
        f"{told['contradictions']} of the new ones contradict known ones."
    )
