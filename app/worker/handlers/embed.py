"""Embed what search is to find: the applicability of active lessons, the text of corrections, prompts on which lessons helped and
their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.worker.payloads import Embed
from app.worker.retrieval import ITEM
from app.worker.runner import Context
from core.images import opened
from core.lessons.wording import without_instances
from store import images, lessons, lookups, vectors
from store.tables import Correction, Item, Lesson

BATCH = 64
PICTURES = 16  # whose bytes are in memory at once


def embed(context: Context, payload: Embed) -> dict[str, Any]:
    """Result: how many of each were embedded. Every worker's index follows by the feed."""
    project_id, model = payload.project_id, context.models.embedder.model_id

    def keep_lesson(session: Session, row: Lesson, vector: Any) -> bool:
        """Only while it is active and still says when it applies as it did when it was embedded."""
        now = lessons.active_texts(session, [row.id]).get(row.id)
        if now is None or now.applicability != row.applicability:
            return False
        _put(session, project_id, now.kind.value, "lesson", row.id, model, vector)
        return True

    def keep_correction(session: Session, row: Correction, vector: Any) -> bool:
        if vectors.any_withdrawn(session, [row.id]):
            return False
        _put(session, project_id, "correction", "correction", row.id, model, vector)
        return True

    def keep_item(session: Session, row: Item, vector: Any) -> bool:
        _put(session, project_id, ITEM, ITEM, row.id, model, vector)
        return True

    def said(row: Item) -> str:
        return without_instances(f"{row.prompt}\n{row.context}".strip())

    _all(context, lambda s: lookups.missing_items(s, project_id, model), said, keep_item)
    _pictures(context, project_id)
    return {
        "lessons": _all(
            context,
            lambda s: vectors.missing(s, project_id, model),
            lambda r: without_instances(r.applicability),
            keep_lesson,
        ),
        "corrections": _all(
            context, lambda s: vectors.missing_corrections(s, project_id, model), lambda r: r.text, keep_correction
        ),
    }


def _all(
    context: Context,
    missing: Callable[[Session], Sequence[Any]],
    text_of: Callable[[Any], str],
    keep: Callable[[Session, Any, Any], bool],
) -> int:
    done = 0
    with context.db.read() as session:
        rows = list(missing(session))
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        found = context.models.embedder.embed([text_of(row) for row in chunk])
        with context.db.write() as session:
            done += sum(keep(session, row, vector) for row, vector in zip(chunk, found, strict=True))
        context.progress(start + len(chunk), len(rows), "embedding")
    return done


def _pictures(context: Context, project_id: int) -> None:
    """Pictures of items on which lessons were of use; no encoder is loaded for a project without any."""
    with context.db.read() as session:
        if not images.any_to_embed(session, project_id):
            return
        encoder = context.models.image_encoder
        waiting = images.missing(session, project_id, encoder.model_id)
    for start in range(0, len(waiting), PICTURES):
        context.check()
        with context.db.read() as session:
            data = images.data_of(session, waiting[start : start + PICTURES])
        found = encoder.embed([opened(one) for one in data.values()])
        with context.db.write() as session:
            there = images.items_of(session, list(data))  # they may have been replaced meanwhile
            for id_, vector in zip(data, found, strict=True):
                if id_ in there:
                    _put(session, project_id, images.SCOPE, images.SCOPE, id_, encoder.model_id, vector)


def _put(session: Session, project_id: int, scope: str, kind: str, owner_id: int, model: str, vector: Any) -> None:
    vectors.put(
        session, project_id=project_id, scope=scope, owner_kind=kind, owner_id=owner_id, model=model, vector=vector
    )
