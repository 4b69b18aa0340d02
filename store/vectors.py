"""Vectors and the feed that keeps every worker's index in step. The index is a cache: it can be rebuilt from these rows alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, exists, func, select, text
from sqlalchemy.orm import Session

from core.types import LessonKind, LessonStatus
from store.tables import Correction, Embedding, IndexFeed, Item, Lesson, Output, Project, RetractionEntry
from store.upsert import dialect, insert
from store.withdrawn import held

MOST_IDS = 5000  # in one query
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


def in_pieces(
    session: Session,
    project_id: int,
    scope: str,
    model: str,
    owner_ids: Sequence[int] | None = None,
    size: int = 10_000,
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Owner ids and their vectors, shape (n, d), at most ``size`` at a time and in no order; only what search may find.

    One pass over the scope, or over those of ``owner_ids``: however large it is, no more than a piece is in memory.
    """
    lesson = scope in set(LessonKind)
    query = select(Embedding.owner_id, Embedding.vector).where(
        Embedding.project_id == project_id, Embedding.scope == scope, Embedding.model == model
    )
    if lesson:
        query = query.join(Lesson, Lesson.id == Embedding.owner_id).where(Lesson.status == LessonStatus.ACTIVE)
    queries = [query]
    if owner_ids is not None:
        query = query.where(Embedding.owner_kind == ("lesson" if lesson else scope))
        chunks = (owner_ids[start : start + MOST_IDS] for start in range(0, len(owner_ids), MOST_IDS))
        queries = [query.where(Embedding.owner_id.in_(chunk)) for chunk in chunks]
    for one in queries:
        with session.execute(one, execution_options={"yield_per": size}) as found:
            for rows in found.partitions():
                yield [owner_id for owner_id, _ in rows], _matrix([vector for _, vector in rows], model)


def _matrix(blobs: Sequence[bytes], model: str) -> NDArray[np.float32]:
    if len({len(blob) for blob in blobs}) > 1:
        raise ValueError(f"vectors of {model} differ in length: `corrigenda index rebuild` computes them anew")
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1).astype(np.float32)


def all_in(session: Session, project_id: int, scope: str, model: str) -> tuple[list[int], NDArray[np.float32]]:
    """All of ``in_pieces`` at once, in the order of the owners' ids: for scopes that are small."""
    pieces = list(in_pieces(session, project_id, scope, model))
    if not pieces:
        return [], np.zeros((0, 0), dtype=np.float32)
    ids = [owner_id for owners, _ in pieces for owner_id in owners]
    order = np.argsort(ids)
    return [ids[place] for place in order], np.concatenate([matrix for _, matrix in pieces])[order]


def scopes(session: Session, model: str) -> dict[tuple[int, str], int]:
    """Project and scope of all that this model has embedded, and how long its vectors are."""
    query = select(Embedding.project_id, Embedding.scope, func.max(Embedding.dim)).where(Embedding.model == model)
    grouped = query.group_by(Embedding.project_id, Embedding.scope).order_by(Embedding.project_id, Embedding.scope)
    return {(project_id, scope): dim for project_id, scope, dim in session.execute(grouped)}


def models_in(session: Session, scope: str) -> list[str]:
    """The models that embedded something of a scope."""
    return list(session.scalars(select(Embedding.model).where(Embedding.scope == scope).distinct()))


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
    """Where the feed stands; 0 before its first entry. Read it before ``in_pieces``, then follow from there."""
    return session.scalar(select(func.max(IndexFeed.seq))) or 0


def reaches_back_to(session: Session, seq: int) -> bool:
    """Whether the feed holds all that came after ``seq``: it has been there, and was not pruned beyond it."""
    oldest, newest = session.execute(select(func.min(IndexFeed.seq), func.max(IndexFeed.seq))).one()
    return seq <= (newest or 0) and (seq == newest or (oldest or 1) <= seq + 1)


def changed_after(session: Session, project_id: int, scope: str, seq: int) -> list[int]:
    """Owners in this scope of which the feed says something after ``seq``."""
    return list(
        session.scalars(
            select(IndexFeed.owner_id)
            .where(IndexFeed.project_id == project_id, IndexFeed.scope == scope, IndexFeed.seq > seq)
            .distinct()
        )
    )


def changed_before(session: Session, project_id: int, scope: str, seq: int, limit: int) -> list[int]:
    """Owners of the last ``limit`` entries of this scope up to ``seq``."""
    query = select(IndexFeed.owner_id).where(
        IndexFeed.project_id == project_id, IndexFeed.scope == scope, IndexFeed.seq <= seq
    )
    return sorted(set(session.scalars(query.order_by(IndexFeed.seq.desc()).limit(limit))))


def identity(session: Session, project_id: int) -> str:
    """A word that the same project in another database does not share: when it was made, to the microsecond."""
    made = session.scalar(select(Project.created_at).where(Project.id == project_id))
    return hashlib.sha256(f"{project_id} {made.isoformat() if made else ''}".encode()).hexdigest()[:16]
