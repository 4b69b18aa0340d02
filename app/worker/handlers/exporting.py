"""Write reviewed and corrected outputs as training data: streamed to a file beside its manifest, taken up again after a kill, and
never half a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app import exporting, row_scoring
from app.exporting import Gated
from app.worker import jobs
from app.worker.export_journal import EVERY_SECONDS, Journal, sweep
from app.worker.payloads import Export
from app.worker.runner import Cancelled, Context, Stopping, is_passing
from core.exporters import REGISTRY as EXPORTERS
from core.exporters.containers import SUFFIXES
from core.exporters.writing import Manifest, file_hash
from core.lessons import knowledge_base
from core.quality.gate import Gate
from store import export_records, exports, projects
from store import tables as rows

LOOK_EVERY = 256  # rows between two looks at the clock


def export(context: Context, payload: Export) -> dict[str, Any]:
    """Result: ``path``, ``rows``, ``sha256``, ``dropped``, and with a quality gate its ``means`` and what else it says of itself.

    What a lesson drew on that is retracted meanwhile makes it stale.
    """
    with context.db.read() as session:
        row = exports.get(session, payload.export_id)
        project = projects.get(session, row.project_id)
    folder = context.settings.exports_dir
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    path = folder / f"{project.slug}-{row.format}-{row.id}{SUFFIXES[payload.container]}"
    gated = _gated(context, row)
    with context.db.read() as session:
        if row.format == knowledge_base.FORMAT:
            made = row.created_at.isoformat()
            head = exporting.write_lessons(session, project, path, created_at=made, on_row=_sayer(context))
            count, sha256, dropped = head.lessons, file_hash(path), head.left_out
        else:
            manifest = _write(context, session, project, row, path, payload, gated)
            count, sha256, dropped = manifest.rows, manifest.sha256, manifest.dropped
    with context.db.write() as session:
        if not jobs.holds(session, context.job):
            raise Cancelled
        exports.finish(session, row.id, path=str(path), rows=count, sha256=sha256)
    told = {"gate": dict(gated.summary), "means": gated.summary["means"]} if gated else {}
    return {"path": str(path), "rows": count, "sha256": sha256, "dropped": dropped, **told}


def _gated(context: Context, row: rows.Export) -> Gated | None:
    """What the export's quality gate decides; models are asked about rows that they did not see before."""
    gate = Gate.of(row.filters.get(row_scoring.GATE))
    if gate is None:
        return None
    found = row_scoring.scored(context.db, context.models, row.project_id, row.filters, gate, context.progress)
    choice = found.choose(gate)
    return Gated(gate, choice, found.authors, row_scoring.summary(found, choice, gate))


def _write(
    context: Context,
    session: Session,
    project: rows.Project,
    row: rows.Export,
    path: Path,
    payload: Export,
    gated: Gated | None,
) -> Manifest:
    """The half-written file stays where the job comes again, and only there."""
    journal, exporter = Journal(context, path, export_records.signature(session)), EXPORTERS.make(row.format)
    try:
        return exporting.write(
            session,
            project,
            path,
            exporter,
            filters=row.filters,
            created_at=row.created_at.isoformat(),
            container=payload.container,
            on_row=None if exporter.local else _sayer(context),
            taken_up=journal.file,
            on_checkpoint=journal.keep,
            gated=gated,
        )
    except Exception as problem:
        if not isinstance(problem, Stopping) and not is_passing(problem):
            journal.discard()
        raise


def _sayer(context: Context) -> Callable[[int], None]:
    """Says about once a second how many rows there are."""
    told = time.monotonic()

    def say(count: int) -> None:
        nonlocal told
        if count % LOOK_EVERY == 0 and time.monotonic() - told >= EVERY_SECONDS:
            told = time.monotonic()
            context.progress(count, 0, f"{count} rows written")

    return say
