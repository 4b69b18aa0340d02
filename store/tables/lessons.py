"""Knowledge distilled from corrections, where it came from, where it went, and its vectors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, BigKey, Keyed, Text


class Lesson(Keyed, Base):
    """One lesson as it stands now; every earlier form is a ``LessonRevision``."""

    __tablename__ = "lesson"
    __table_args__ = (Index("ix_lesson_project_id_status", "project_id", "status", "kind"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text(20))
    status: Mapped[str] = mapped_column(Text(20), default="proposed")
    name: Mapped[str | None] = mapped_column(Text(120))  # of a parameter
    text: Mapped[str]
    applicability: Mapped[str]
    why: Mapped[str] = mapped_column(default="")
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    revision: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    used: Mapped[int] = mapped_column(default=0)  # times voted "used"
    not_relevant: Mapped[int] = mapped_column(default=0)  # times voted "not relevant"
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class LessonRevision(Keyed, Base):
    """A form that a lesson had, who gave it that form and why. Append-only."""

    __tablename__ = "lesson_revision"
    __table_args__ = (UniqueConstraint("lesson_id", "revision"),)

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"))
    revision: Mapped[int]
    text: Mapped[str]
    applicability: Mapped[str]
    status: Mapped[str] = mapped_column(Text(20))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    why: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class LessonSource(Base):
    """Lineage: this lesson drew on that correction."""

    __tablename__ = "lesson_source"

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), primary_key=True)
    correction_id: Mapped[int] = mapped_column(
        ForeignKey("correction.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class LessonParent(Base):
    """Lineage: this lesson was made from that one, by merging, splitting or generalising."""

    __tablename__ = "lesson_parent"

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), primary_key=True, index=True)


class Retrieval(Keyed, Base):
    """A lesson that went into the prompt of an output, in which slot, and what people said of it."""

    __tablename__ = "retrieval"
    __table_args__ = (UniqueConstraint("output_id", "lesson_id"),)

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), index=True)
    lesson_revision: Mapped[int] = mapped_column(default=1)
    slot: Mapped[str] = mapped_column(Text(20))
    rank: Mapped[int]
    score: Mapped[float]
    vote: Mapped[str | None] = mapped_column(Text(20))  # used, not_relevant
    voted_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Embedding(Keyed, Base):
    """A vector of one thing by one model, as little-endian float16; the index is rebuilt from these."""

    __tablename__ = "embedding"
    __table_args__ = (
        UniqueConstraint("owner_kind", "owner_id", "model"),
        Index("ix_embedding_scope", "project_id", "scope", "model"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(Text(40))  # a lesson kind, "correction", or "output"
    owner_kind: Mapped[str] = mapped_column(Text(20))  # lesson, correction, output
    owner_id: Mapped[int] = mapped_column(BigKey)
    model: Mapped[str] = mapped_column(Text(200))  # name@revision#sha256-prefix
    dim: Mapped[int]
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class IndexFeed(Base):
    """What changed in which index scope, in order; each worker applies it from where it stands."""

    __tablename__ = "index_feed"
    __table_args__ = (
        Index("ix_index_feed_scope", "project_id", "scope", "seq"),
        {"sqlite_autoincrement": True},  # a number is never given twice, whatever was pruned
    )

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(Text(40))
    owner_id: Mapped[int] = mapped_column(BigKey)
    op: Mapped[str] = mapped_column(Text(10))  # add, remove


class LessonMap(Keyed, Base):
    """Where the lessons of a project lie on its map; a cache that a worker renews."""

    __tablename__ = "lesson_map"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), unique=True)
    embedder: Mapped[str] = mapped_column(Text(200))
    points: Mapped[list[Any]] = mapped_column(default=list)  # [lesson id, x, y], both in [0, 1]
    kept: Mapped[float]  # trustworthiness: how far neighbours on the map are neighbours in meaning; 1 is ideal
    marks: Mapped[str] = mapped_column(Text(80))  # what the lessons were when it was made: see ``store.lesson_maps``
    fitted_at: Mapped[datetime] = mapped_column(default=now)


class Retraction(Keyed, Base):
    """What was taken back together: who, why, chosen by which filter, and, if it was rolled back, by whom and why."""

    __tablename__ = "retraction"
    __table_args__ = (Index("ix_retraction_project_id_id", "project_id", "id"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    why: Mapped[str]
    filter: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    undone_why: Mapped[str] = mapped_column(default="")


class RetractionEntry(Base):
    """One thing that a retraction reached. ``status_before`` is of a lesson, before the first retraction that holds it."""

    __tablename__ = "retraction_entry"
    __table_args__ = (Index("ix_retraction_entry_owner", "kind", "owner_id"),)

    retraction_id: Mapped[int] = mapped_column(ForeignKey("retraction.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text(20), primary_key=True)  # lesson, suspended, correction, review, export
    owner_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    status_before: Mapped[str | None] = mapped_column(Text(20))
