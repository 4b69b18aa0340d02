"""Write reviewed and corrected outputs as training data: streamed to a file beside its manifest, and never half a file."""

from __future__ import annotations

from typing import Any

from app import exporting
from app.worker.payloads import Export
from app.worker.runner import Context
from core.exporters import REGISTRY as EXPORTERS
from core.exporters.containers import SUFFIXES
from core.exporters.writing import file_hash
from core.lessons import knowledge_base
from store import exports, projects

SAY_EVERY = 200  # rows


def export(context: Context, payload: Export) -> dict[str, Any]:
    """Result: ``path``, ``rows``, ``sha256``, ``dropped``. What a lesson drew on that is retracted meanwhile makes it stale."""
    with context.db.read() as session:
        row = exports.get(session, payload.export_id)
        project = projects.get(session, row.project_id)
    context.settings.exports_dir.mkdir(parents=True, exist_ok=True)
    path = context.settings.exports_dir / f"{project.slug}-{row.format}-{row.id}{SUFFIXES[payload.container]}"

    def say(count: int) -> None:
        if count % SAY_EVERY == 0:
            context.progress(count, 0, f"{count} rows written")

    made = row.created_at.isoformat()
    with context.db.read() as session:
        if row.format == knowledge_base.FORMAT:
            head = exporting.write_lessons(session, project, path, created_at=made, on_row=say)
            rows, sha256, dropped = head.lessons, file_hash(path), head.left_out
        else:
            manifest = exporting.write(
                session,
                project,
                path,
                EXPORTERS.make(row.format),
                filters=row.filters,
                created_at=made,
                container=payload.container,
                on_row=say,
            )
            rows, sha256, dropped = manifest.rows, manifest.sha256, manifest.dropped
    with context.db.write() as session:
        exports.finish(session, row.id, path=str(path), rows=rows, sha256=sha256)
    return {"path": str(path), "rows": rows, "sha256": sha256, "dropped": dropped}
