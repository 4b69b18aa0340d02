"""Vectors and the feed that keeps every worker's index in step. The index is a cache: it can be rebuilt from these rows alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, exists, func, select, text
from sqlalchemy.orm import Session

from core.types import LessonKind, LessonStatus
from store.tables import Correction, Embedding, IndexFeed, Item, Lesson, Output, RetractionEntry
from store.upsert import dialect, insert
from store.withdrawn import held

_FEED_LOCK = 0x0C0441  # any fixed number; only this module takes it


def put(
    session: Session,
    *,
    project_id: int,
    scope: str,
    owner_kind: str,
    owner_id: int,
    model: str,
    vector: NDArray[np.floating],
) -> None:
    """Keep a vector, shape (d,), as float16 and announce it to the indexes. ``scope`` is a lesson's kind, ``correction`` or ``output``.

    Raises ``ValueError`` on another shape or on numbers that are not finite.
    """
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused below
        half = np.asarray(vector).astype("<f2")
    if half.ndim != 1 or not half.size or not np.isfinite(half).all():
        raise ValueError(f"a vector has one axis and finite numbers, not shape {half.shape}")
    new = insert(session, Embedding).values(
        project_id=project_id,
        scope=scope,
        owner_kind=owner_kind,
        owner_id=owner_id,
        model=model,
        dim=half.size,
        vector=half.tobytes(),
    )
    session.execute(
        new.on_conflict_do_update(
            index_elements=[Embedding.owner_kind, Embedding.owner_id, Embedding.model],
            set_={name: new.excluded[name] for name in ("project_id", "scope", "dim", "vector")},
        )
    )
    _announce(session, project_id, scope, [owner_id], "add")


def remove(session: Session, project_id: int, scope: str, owner_kind: str, owner_ids: Sequence[int]) -> None:
    """Delete the vectors of these owners, of every model, and announce it."""
    if not owner_ids:
        return
    session.execute(delete(Embedding).where(Embedding.owner_kind == owner_kind, Embedding.owner_id.in_(owner_ids)))
    _announce(session, project_id, scope, owner_ids, "remove")


def _announce(session: Session, project_id: int, scope: str, owner_ids: Sequence[int], op: str) -> None:
    """Entries become visible in the order of their numbers: a reader that stands at n has seen all up to n."""
    if dialect(session) == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FEED_LOCK})
    session.add_all(IndexFeed(project_id=project_id, scope=scope, owner_id=id_, op=op) for id_ in owner_ids)
    session.flush()


def withdrawn_corrections() -> Select[int]:
    """Corrections that were taken back: out of search and of new exports."""
    return held("correction")


def any_withdrawn(session: Session, correction_ids: Sequence[int]) -> bool:
    """Whether one of them was taken back; a retraction that comes now waits for the end of this transaction."""
    query = select(Correction.id).where(Correction.id.in_(correction_ids)).order_by(Correction.id)
    session.execute(query.with_for_update(read=True))
    gone = withdrawn_corrections().where(RetractionEntry.owner_id.in_(correction_ids))
    return session.scalar(gone.limit(1)) is not None


def missing(session: Session, project_id: int, model: str) -> Sequence[Lesson]:
    """Active lessons of the project that this model has not embedded yet, oldest first."""
    there = exists().where(Embedding.owner_kind == "lesson", Embedding.owner_id == Lesson.id, Embedding.model == model)
    query = select(Lesson).where(Lesson.project_id == project_id, Lesson.status == LessonStatus.ACTIVE, ~there)
    return session.scalars(query.order_by(Lesson.id)).all()


def missing_corrections(session: Session, project_id: int, model: str) -> Sequence[Correction]:
    """Corrections of the project that may be found and that this model has not embedded yet, oldest first."""
    there = exists().where(
        Embedding.owner_kind == "correction", Embedding.owner_id == Correction.id, Embedding.model == model
    )
    query = (
        select(Correction)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(
            Item.project_id == project_id,
            Correction.text != "",
            ~exists().where(_later.c.replaces_id == Correction.id),
            Correction.id.not_in(withdrawn_corrections()),
            ~there,
        )
    )
    return session.scalars(query.order_by(Correction.id)).all()


def left_over(session: Session, project_id: int) -> list[tuple[str, int]]:
    """Vectors of lessons that are not active and of corrections that were taken back, as (scope, id): there should be none."""
    query = (
        select(Embedding.scope, Embedding.owner_id)
        .join(Lesson, Lesson.id == Embedding.owner_id)
        .where(
            Embedding.project_id == project_id, Embedding.owner_kind == "lesson", Lesson.status != LessonStatus.ACTIVE
        )
    )
    taken_back = select(Embedding.scope, Embedding.owner_id).where(
        Embedding.project_id == project_id,
        Embedding.owner_kind == "correction",
        Embedding.owner_id.in_(withdrawn_corrections()),
    )
    found = [*session.execute(query.order_by(Embedding.owner_id)), *session.execute(taken_back)]
    return [(scope, owner) for scope, owner in found]


def clear(session: Session, project_id: int, owner_kinds: Sequence[str]) -> int:
    """Forget all vectors of these kinds of owners, in every index too; returns how many there were."""
    query = select(Embedding.scope, Embedding.owner_kind, Embedding.owner_id)
    rows = session.execute(
        query.where(Embedding.project_id == project_id, Embedding.owner_kind.in_(owner_kinds)).distinct()
    ).all()
    for scope, kind in sorted({(row.scope, row.owner_kind) for row in rows}):
        ids = [row.owner_id for row in rows if (row.scope, row.owner_kind) == (scope, kind)]
        remove(session, project_id, scope, kind, ids)
    return len(rows)


_later = Correction.__table__.alias("later")


def all_in(session: Session, project_id: int, scope: str, model: str) -> tuple[list[int], NDArray[np.float32]]:
    """Owner ids and their vectors, shape (n, d), from which a scope's index is rebuilt; only what search may find."""
    query = (
        select(Embedding.owner_id, Embedding.vector)
        .where(Embedding.project_id == project_id, Embedding.scope == scope, Embedding.model == model)
        .order_by(Embedding.owner_id)
    )
    if scope in set(LessonKind):
        query = query.join(Lesson, Lesson.id == Embedding.owner_id).where(Lesson.status == LessonStatus.ACTIVE)
    rows = session.execute(query).all()
    if not rows:
        return [], np.zeros((0, 0), dtype=np.float32)
    matrix = np.stack([np.frombuffer(vector, dtype="<f2") for _, vector in rows]).astype(np.float32)
    return [owner_id for owner_id, _ in rows], matrix


def of(session: Session, owner_kind: str, owner_ids: Sequence[int], model: str) -> dict[int, NDArray[np.float32]]:
    """The vectors that are there, by owner id."""
    query = select(Embedding.owner_id, Embedding.vector).where(
        Embedding.owner_kind == owner_kind, Embedding.owner_id.in_(owner_ids), Embedding.model == model
    )
    return {
        owner_id: np.frombuffer(vector, dtype="<f2").astype(np.float32) for owner_id, vector in session.execute(query)
    }


def feed_after(session: Session, seq: int, limit: int = 1000) -> Sequence[IndexFeed]:
    """What changed after ``seq``, in order."""
    return session.scalars(select(IndexFeed).where(IndexFeed.seq > seq).order_by(IndexFeed.seq).limit(limit)).all()


def last_seq(session: Session) -> int:
    """Where the feed stands; 0 before its first entry. Read it before ``all_in``, then follow from there."""
    return session.scalar(select(func.max(IndexFeed.seq))) or 0
