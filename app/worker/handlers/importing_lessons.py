"""Read a knowledge base into a project. The file is checked to its end before anything of it is taken."""

from __future__ import annotations

from itertools import islice
from typing import Any

from app.lesson_changes import embed_new
from app.uploads import uploaded
from app.worker.payloads import ImportLessons
from app.worker.runner import Context
from core.lessons import knowledge_base as files
from store import knowledge_base


def import_lessons(context: Context, payload: ImportLessons) -> dict[str, Any]:
    """Result: see ``store.knowledge_base.Brought.told``, with ``rows``. One that is killed begins again and finds what it brought."""
    path = uploaded(context.settings, payload.path)
    head = files.check(path)
    so_far, rows, seen = knowledge_base.Brought(), files.rows(path), 0
    while batch := list(islice(rows, knowledge_base.BATCH)):
        with context.db.write() as session:
            new = knowledge_base.keep(
                session,
                payload.project_id,
                batch,
                so_far,
                user_id=payload.user_id,
                as_they_stand=payload.as_they_stand,
                plain=head is None,
            )
            embed_new(session, payload.project_id, new, payload.user_id)
        seen += len(batch)
        context.progress(seen, head.lessons if head else 0, f"{seen} lessons read")
    return {"rows": seen, **so_far.told()}
