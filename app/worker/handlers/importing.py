"""Read a person's file into a project; a bad row never stops the good ones.

How far the file was read is kept in the job's row in the transaction of each batch, so that a job that is killed goes on where
it was and its report counts every row once.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.bringing_back import bring_back
from app.importing import OnAnswers, batches, empty_report, keep_batch, mapping_for
from app.uploads import uploaded
from app.worker.payloads import Import
from app.worker.runner import Context
from core.importing import read_rows
from core.types import JobPriority


def import_file(context: Context, payload: Import) -> dict[str, Any]:
    """Result: see ``app.importing.empty_report``. The answers that came with the rows are judged by ``analyse`` jobs."""
    path = uploaded(context.settings, payload.path)
    if payload.export is not None:
        return _bring_back(context, payload, path)
    mapping = mapping_for(path, payload.mapping, payload.format)
    report: dict[str, Any] = {**empty_report(), **context.job.result}
    rows = islice(read_rows(path, mapping, payload.format), report["rows"], None)
    for batch in batches(rows):
        with context.db.write() as session:
            keep_batch(session, payload.project_id, batch, report, _judged(context, payload.project_id, session))
            context.checkpoint(session, report)
        context.progress(report["rows"], 0, f"{report['rows']} rows read")
    return report


def _judged(context: Context, project_id: int, session: Session) -> OnAnswers:
    """Queues that answers are judged, in the transaction that keeps them."""

    def enqueue(output_ids: list[int]) -> None:
        context.enqueue(
            session,
            "analyse",
            {"output_ids": output_ids},
            priority=JobPriority.BATCH,
            dedupe_key=f"analyse:job:{context.job.id}:output:{output_ids[0]}",
            project_id=project_id,
        )

    return enqueue


def _bring_back(context: Context, payload: Import, path: Path) -> dict[str, Any]:
    """A file of exported rows: items with the answers, reviews and corrections that they carry."""

    report = bring_back(
        context.db.write,
        path,
        payload.export or "",
        payload.project_id,
        user_id=payload.user_id,
        on_answers=lambda session: _judged(context, payload.project_id, session),
        report=context.job.result,
        on_batch=context.checkpoint,
        after_batch=lambda told: context.progress(told["items"], 0, f"{told['items']} items read"),
    )
    with context.db.write() as session:
        context.enqueue(
            session,
            "embed",
            {"project_id": payload.project_id},
            priority=JobPriority.BATCH,
            dedupe_key=f"embed:job:{context.job.id}",
            project_id=payload.project_id,
        )
    return report
