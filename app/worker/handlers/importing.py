"""Read a person's file into a project; a bad row never stops the good ones.

How far the file was read is kept in the job's row in the transaction of each batch, so that a job that is killed goes on where
it was and its report counts every row once.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from app.importing import batches, empty_report, keep_batch, mapping_for
from app.worker.payloads import Import
from app.worker.runner import Context
from app.worker.uploads import uploaded
from core.importing import read_rows
from core.types import JobPriority


def import_file(context: Context, payload: Import) -> dict[str, Any]:
    """Result: see ``app.importing.empty_report``. The answers that came with the rows are judged by ``analyse`` jobs."""
    path = uploaded(context.settings, payload.path)
    mapping = mapping_for(path, payload.mapping, payload.format)
    report: dict[str, Any] = {**empty_report(), **context.job.result}
    rows = islice(read_rows(path, mapping, payload.format), report["rows"], None)
    for batch in batches(rows):
        with context.db.write() as session:

            def judge(output_ids: list[int], session: Any = session) -> None:
                context.enqueue(
                    session,
                    "analyse",
                    {"output_ids": output_ids},
                    priority=JobPriority.BATCH,
                    dedupe_key=f"analyse:job:{context.job.id}:output:{output_ids[0]}",
                    project_id=payload.project_id,
                )

            keep_batch(session, payload.project_id, batch, report, judge)
            context.checkpoint(session, report)
        context.progress(report["rows"], 0, f"{report['rows']} rows read")
    return report
