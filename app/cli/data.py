"""Import, export and index from the command line: the same functions that pages and jobs use, and a report in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import typer
from sqlalchemy.orm import Session

from app import exporting, row_scoring
from app.bringing_back import bring_back, kind_of
from app.cli.setup import SetupError, ready
from app.evaluation_files import held_texts
from app.exporting import Gated
from app.importing import batches, empty_report, guessed_mapping, keep_batch, mapping_for
from app.settings import Settings
from app.worker import jobs
from app.worker.models import Models
from core import embedding
from core.exporters import REGISTRY as EXPORTERS
from core.exporters.containers import Container
from core.exporters.reading import recognised
from core.importing import ColumnMapping, columns, guess_mapping, read_rows
from core.quality.gate import Gate
from core.types import ItemType, JobPriority
from store import clock, evaluation_sets, projects, vectors
from store.engine import Database
from store.tables import Project

SHOWN_ERRORS = 20
INDEXED = ("lesson", "correction", "item", "image")


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, up to date, for as long as the block lasts."""
    ready(settings)
    db = Database(settings.url)
    try:
        yield db
    finally:
        db.dispose()


def project_named(session: Session, slug: str) -> Project:
    """Raises ``SetupError`` listing those that exist."""
    project = projects.by_slug(session, slug)
    if project is None:
        names = ", ".join(p.slug for p in projects.list_all(session)) or "none yet"
        raise SetupError(f"there is no project {slug!r}; there are: {names}. An import with --create makes it.")
    return project


def import_path(settings: Settings, path: Path, slug: str, given: Sequence[str], *, create: bool, as_json: bool) -> int:
    """Import a file; returns how many rows were refused. Answers in the file are judged once a worker runs."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    mapping = _mapping(path, given)
    with opened(settings) as db:
        with db.write() as session:
            if create and projects.by_slug(session, slug) is None:
                projects.create(session, slug=slug, name=slug, item_type=ItemType.REASONING)
            project_id = project_named(session, slug).id
        report = empty_report()
        for batch in batches(read_rows(path, mapping, folder=path.parent)):
            with db.write() as session:
                keep_batch(session, project_id, batch, report, _judged_later(session, project_id))
    _print_report(report, as_json=as_json)
    return int(report["error_count"])


def bring_back_path(settings: Settings, path: Path, slug: str, format: str, *, create: bool, as_json: bool) -> int:
    """Import a file of exported rows; returns how many rows were refused. ``format`` "export" is the one that the file shows."""
    if format != "export" and format not in EXPORTERS.names():
        raise ValueError(
            f"there is no format {format!r}: files are of items or of lessons, or exports: --format items, lessons, export, or "
            f"one of {', '.join(EXPORTERS.names())}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    known = recognised(path) if format == "export" else format
    if known is None:
        raise ValueError(f"{path.name} shows no format of an export; name it: --format {' | '.join(EXPORTERS.names())}")
    with opened(settings) as db:
        with db.write() as session:
            if create and projects.by_slug(session, slug) is None:
                item_type, labels = kind_of(path, known)
                projects.create(session, slug=slug, name=slug, item_type=item_type, labels=labels)
            project_id = project_named(session, slug).id
        report = bring_back(
            db.write,
            path,
            known,
            project_id,
            user_id=None,
            on_answers=lambda session: _judged_later(session, project_id),
        )
        with db.write() as session:
            jobs.enqueue(
                session, "embed", {"project_id": project_id}, priority=JobPriority.BATCH, project_id=project_id
            )
    _print_report(report, as_json=as_json)
    return int(report["error_count"])


def _judged_later(session: Session, project_id: int) -> Any:
    def enqueue(output_ids: list[int]) -> None:
        payload = {"output_ids": output_ids}
        jobs.enqueue(session, "analyse", payload, priority=JobPriority.BATCH, project_id=project_id)

    return enqueue


def _mapping(path: Path, given: Sequence[str]) -> ColumnMapping:
    """What was given on the command line, the rest guessed."""
    roles: dict[str, Any] = {}
    for word in given:
        role, equals, column = word.partition("=")
        if not equals or not column:
            raise ValueError(f"--map takes FIELD=COLUMN, such as prompt=question; {word!r} is not of that form")
        roles[role] = [*roles.get("meta", []), column] if role == "meta" else column
    guessed = guess_mapping(columns(path))
    if not roles or (guessed is None and "prompt" in roles):
        return mapping_for(path, roles)
    base = guessed or guessed_mapping(path)
    checked = mapping_for(path, {"prompt": base.prompt, **roles})
    return replace(base, **{role: getattr(checked, role) for role in roles})


def _print_report(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(report).decode())
        return
    typer.echo(
        f"{report['rows']} rows read: {report['added']} items added, {report['updated']} updated, "
        f"{report['unchanged']} unchanged, {report['answers']} answers, {report['error_count']} rows refused."
    )
    if "format" in report:
        typer.echo(
            f"Format {report['format']}: {report['reviews']} reviews, {report['corrections']} corrections, "
            f"{report['lessons']} lessons proposed."
        )
    for error in report["errors"][:SHOWN_ERRORS]:
        typer.echo(f"  row {error['row']}: {error['message']}", err=True)
    if report["error_count"] > SHOWN_ERRORS:
        typer.echo(f"  and {report['error_count'] - SHOWN_ERRORS} more; --json prints up to 200", err=True)


def export_path(
    settings: Settings,
    slug: str,
    format_name: str,
    out: Path,
    container: Container = "jsonl",
    gate: Gate | None = None,
    held: Path | None = None,
) -> None:
    """Write an export to ``out`` with its manifest beside it; with a quality gate, models are loaded here where it needs them."""
    exporter = EXPORTERS.make(format_name) if format_name in EXPORTERS else None
    if exporter is None:
        raise ValueError(f"there is no format {format_name!r}; there are: {', '.join(EXPORTERS.names())}")
    exporting.fits(container, format_name)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent}")
    with opened(settings) as db:
        with db.write() as session:
            project = project_named(session, slug)
            if held is not None:
                name = evaluation_sets.add(session, project.id, held.name, held_texts(held), user_id=None)
                gate = replace(gate or Gate(), held=name)
            if gate is not None:
                gate = row_scoring.pinned(session, project.id, gate)
        filters = {row_scoring.GATE: gate.to_json()} if gate else {}
        gated = _gated(db, settings, project.id, gate) if gate else None
        with db.read() as session:
            manifest = exporting.write(
                session,
                project,
                out,
                exporter,
                filters=filters,
                created_at=clock.now().isoformat(),
                container=container,
                gated=gated,
            )
    typer.echo(f"{manifest.rows} rows written to {out}, SHA-256 {manifest.sha256}.")
    for why, count in manifest.dropped.items():
        typer.echo(f"  left out {count}: {why}")


def _gated(db: Database, settings: Settings, project_id: int, gate: Gate) -> Gated:
    models = Models(settings, db)
    try:
        found = row_scoring.scored(db, models, project_id, {}, gate, lambda done, total, message: None)
    finally:
        models.stop()
    choice = found.choose(gate)
    return Gated(gate, choice, found.authors, row_scoring.summary(found, choice, gate))


def verify_index(settings: Settings) -> bool:
    """Say for each project what lacks a vector and what has one too many, and compare every snapshot; true when all is well."""
    from app.cli.indexes import compare_all

    model = embedding.model_id_of(settings.embedder)
    fine = True
    with opened(settings) as db:
        with db.read() as session:
            for project in projects.list_all(session):
                missing = len(vectors.missing(session, project.id, model))
                corrections = len(vectors.missing_corrections(session, project.id, model))
                left = len(vectors.left_over(session, project.id))
                fine = fine and not (missing or corrections or left)
                typer.echo(
                    f"{project.slug}: {missing} lessons and {corrections} corrections without a vector, "
                    f"{left} vectors of lessons that are not active"
                )
        if not fine:
            typer.echo("Start a worker and run `corrigenda index rebuild`.", err=True)
        same = compare_all(db, settings.index_dir, model)
    return fine and same


def rebuild_index(settings: Settings, keep_vectors: bool = False) -> None:
    """Make the snapshots anew from the stored vectors, or forget those too and ask the worker for new ones."""
    from app.cli.indexes import rebuild_all

    model = embedding.model_id_of(settings.embedder)
    with opened(settings) as db:
        if not keep_vectors:
            with db.write() as session:
                _embed_anew(session)
        rebuild_all(db, settings.index_dir, model)


def _embed_anew(session: Session) -> None:
    for project in projects.list_all(session):
        gone = vectors.clear(session, project.id, INDEXED)
        jobs.enqueue(
            session,
            "embed",
            {"project_id": project.id},
            priority=JobPriority.NORMAL,
            dedupe_key=f"embed:{project.id}:rebuild",
            project_id=project.id,
        )
        typer.echo(f"{project.slug}: {gone} vectors dropped; a worker computes them anew.")
