"""Look lessons up for a prompt, for a web process that cannot reach this worker's local service."""

from __future__ import annotations

from typing import Any

from app.worker.payloads import Retrieve
from app.worker.retrieval import find_for
from app.worker.runner import Context


def retrieve(context: Context, payload: Retrieve) -> dict[str, Any]:
    """Result: ``lessons`` as [id, score], in slot order, and ``lookup``: how they were found."""
    kept, found = find_for(context.db, context.models, payload.project_id, payload.prompt, payload.context)
    return {"lessons": [[lesson.id, lesson.score] for lesson in kept], "lookup": found.log()}
