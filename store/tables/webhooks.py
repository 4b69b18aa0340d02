"""Whom to tell of what happens, and every message that was or is to be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class Webhook(Keyed, Base):
    """An address that is told of events: of one project, or without one of all that happens. The secret signs, so it is kept whole."""

    __tablename__ = "webhook"

    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(Text(1000))
    secret: Mapped[str] = mapped_column(Text(100))
    events: Mapped[list[Any]] = mapped_column(default=list)
    active: Mapped[bool] = mapped_column(default=True)
    off_why: Mapped[str] = mapped_column(default="")  # the last error, where the program switched it off
    delivered_at: Mapped[datetime | None]  # the last time that a message was taken
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookDelivery(Keyed, Base):
    """A message to one address, written in the transaction of what it tells of (an outbox), and sent by a worker afterwards."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_webhook_id_id", "webhook_id", "id"),
        Index(
            "ix_webhook_delivery_waiting",
            "next_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(Text(40), unique=True)
    event: Mapped[str] = mapped_column(Text(40))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(Text(20), default="waiting")  # waiting, delivered, failed
    attempts: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime | None]  # of the first attempt
    next_at: Mapped[datetime] = mapped_column(default=now)
    status: Mapped[int | None]  # of the last answer
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]
