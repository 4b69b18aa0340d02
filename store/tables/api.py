"""What programs need to speak to the product: their tokens, and requests that must not count twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class ApiToken(Keyed, Base):
    """A program's key. ``key`` is the public part by which it is found; of the secret only the SHA-256 is kept."""

    __tablename__ = "api_token"

    name: Mapped[str] = mapped_column(Text(80))
    key: Mapped[str] = mapped_column(Text(20), unique=True)
    secret_sha256: Mapped[str] = mapped_column(Text(64))
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[int | None] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE")
    )  # the only one it opens
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotencyKey(Keyed, Base):
    """A request that was carried out under a client's own key, and what it was answered, so that sending it again changes nothing."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text(200))
    request_sha256: Mapped[str] = mapped_column(Text(64))  # of method, path and body
    status: Mapped[int] = mapped_column(default=0)
    answer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
