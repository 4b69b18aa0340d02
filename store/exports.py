"""Exports: what was written to which file. The records that go into one are in ``store.export_records``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.webhooks import Event
from store import audit, webhooks
from store.clock import now
from store.export_records import records, review_filters
from store.tables import Export

__all__ = ["add", "finish", "get", "list_all", "records"]


def add(
    session: Session,
    project_id: int,
    *,
    format: str,
    schema_version: int,
    filters: Mapping[str, Any],
    user_id: int | None,
    job_id: int | None = None,
) -> Export:
    """An export that is to be written; its filter ``quality`` is the gate's. Raises ``ValueError`` on a filter that does not exist."""
    review_filters({name: value for name, value in filters.items() if name != "quality"})
    export = Export(
        project_id=project_id,
        format=format,
        schema_version=schema_version,
        filters=dict(filters),
        created_by=user_id,
        job_id=job_id,
    )
    session.add(export)
    session.flush()
    audit.record(session, "export.add", "export", export.id, user_id=user_id, new={"format": format})
    return export


def finish(session: Session, export_id: int, *, path: str, rows: int, sha256: str) -> Export:
    """The file is written: where it is, how many rows it has, and the hash of them."""
    export = get(session, export_id)
    export.path, export.rows, export.sha256, export.finished_at = path, rows, sha256, now()
    session.flush()
    if export.stale_why is None:
        told = {"export_id": export.id, "format": export.format, "rows": rows, "sha256": sha256}
        webhooks.emit(session, Event.EXPORT_FINISHED, export.project_id, **told)
    return export


def get(session: Session, export_id: int) -> Export:
    """As it stands now: ask just before a download, which ``stale_why`` forbids. Raises ``LookupError``."""
    export = session.get(Export, export_id, populate_existing=True)
    if export is None:
        raise LookupError(f"there is no export {export_id}")
    return export


def list_all(session: Session, project_id: int, limit: int = 50) -> Sequence[Export]:
    """The newest first."""
    query = select(Export).where(Export.project_id == project_id)
    return session.scalars(query.order_by(Export.id.desc()).limit(limit)).all()
