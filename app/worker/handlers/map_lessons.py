"""Lay a project's lessons out on a map by what they are about. Proposed ones have no stored vector: theirs is used and dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.worker.payloads import MapLessons
from app.worker.runner import Context
from core.lessons.layout import lay_out, trustworthiness
from core.lessons.wording import without_instances
from store import lesson_maps, vectors

BATCH = 64


def map_lessons(context: Context, payload: MapLessons) -> dict[str, Any]:
    """Result: ``lessons`` on the map, and ``kept``, the trustworthiness of their neighbourhoods."""
    model = context.models.embedder.model_id
    with context.db.read() as session:
        marks = lesson_maps.marks(session, payload.project_id)
        rows = list(lesson_maps.to_show(session, payload.project_id))
        known = vectors.of(session, "lesson", [row.id for row in rows], model)
    missing = [row for row in rows if row.id not in known]
    for start in range(0, len(missing), BATCH):
        chunk = missing[start : start + BATCH]
        found = context.models.embedder.embed([without_instances(row.applicability) for row in chunk])
        known |= {row.id: vector for row, vector in zip(chunk, found, strict=True)}
        context.progress(start + len(chunk), len(missing), "embedding")
    context.check()
    kept, points = 1.0, np.zeros((0, 2))
    if rows:
        matrix = np.stack([known[row.id] for row in rows])
        points = lay_out(matrix)
        kept = trustworthiness(matrix, points)
    placed = [(row.id, float(x), float(y)) for row, (x, y) in zip(rows, points, strict=True)]
    with context.db.write() as session:
        lesson_maps.save(session, payload.project_id, embedder=model, points=placed, kept=kept, marks=marks)
    return {"lessons": len(rows), "kept": round(kept, 3)}
