"""People, jobs, workers, exports and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, BigKey, Keyed, Text


class User(Keyed, Base):
    """A person who can sign in. ``password_hash`` is argon2id; without one, sign-in by password is refused."""

    __tablename__ = "user_account"

    name: Mapped[str] = mapped_column(Text(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(Text(300))
    role: Mapped[str] = mapped_column(Text(20), default="annotator")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]  # to about a minute


class UserSession(Base):
    """A signed-in browser. Only the SHA-256 of its token is kept."""

    __tablename__ = "user_session"

    token_sha256: Mapped[str] = mapped_column(Text(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Job(Keyed, Base):
    """Work for a worker: what, how urgent, how far, how often tried. This row is the truth; the engine carries only its id."""

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "uq_job_open_dedupe_key",
            "dedupe_key",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running') AND dedupe_key IS NOT NULL"),
            postgresql_where=text("state IN ('queued', 'running') AND dedupe_key IS NOT NULL"),
        ),
        Index("ix_job_state", "state", "priority", "id"),
        Index(
            "ix_job_parked",
            "project_id",
            "priority",
            "id",
            sqlite_where=text("parked AND state = 'queued'"),
            postgresql_where=text("parked AND state = 'queued'"),
        ),
    )

    kind: Mapped[str] = mapped_column(Text(40))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(Text(20), default="queued")
    priority: Mapped[int] = mapped_column(default=50)
    dedupe_key: Mapped[str | None] = mapped_column(Text(200))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    parked: Mapped[bool] = mapped_column(default=False, server_default=false())  # until its project has a place for it
    worker_id: Mapped[str | None] = mapped_column(Text(80))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Worker(Base):
    """A worker process and when it was last heard of."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(Text(80), primary_key=True)
    host: Mapped[str] = mapped_column(Text(200))
    pid: Mapped[int]
    url: Mapped[str | None] = mapped_column(Text(200))  # of its local service
    note: Mapped[str] = mapped_column(default="")  # what it is doing, in words
    started_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    stopped_at: Mapped[datetime | None]


class Export(Keyed, Base):
    """A file that was written: what is in it, and the hash of its rows. ``stale_why`` is set when a source was retracted."""

    __tablename__ = "export"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    format: Mapped[str] = mapped_column(Text(40))
    schema_version: Mapped[int]
    filters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    path: Mapped[str | None] = mapped_column(Text(500))
    rows: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str | None] = mapped_column(Text(64))
    stale_why: Mapped[str | None]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"), unique=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]  # its rows were read before this moment


class AuditEvent(Keyed, Base):
    """Who changed what, when, from which value to which. Append-only."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "subject", "subject_id"),)

    at: Mapped[datetime] = mapped_column(default=now, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    action: Mapped[str] = mapped_column(Text(60))  # lesson.retract, review.submit, ...
    subject: Mapped[str] = mapped_column(Text(40))  # name of the table
    subject_id: Mapped[int | None] = mapped_column(BigKey)
    old: Mapped[dict[str, Any]] = mapped_column(default=dict)
    new: Mapped[dict[str, Any]] = mapped_column(default=dict)
