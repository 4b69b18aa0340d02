"""How lessons were looked up, for an answer or for another program."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class Lookup(Keyed, Base):
    """The rounds in which lessons were looked up: queries, hits with scores, what was accepted and why it ended.

    ``output_id`` is the answer they were looked up for, if it is kept; programs look up for answers of their own.
    """

    __tablename__ = "lookup"
    __table_args__ = (UniqueConstraint("output_id"), Index("ix_lookup_project_id_id", "project_id", "id"))

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    output_id: Mapped[int | None] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    asked_by: Mapped[str] = mapped_column(Text(20), default="generate", server_default="generate")  # see store.lookups
    rounds: Mapped[list[Any]]
    stopped: Mapped[str] = mapped_column(Text(20))  # a ``core.lessons.sufficiency.Stopped``
    best: Mapped[float]  # the highest probability that any lesson had of belonging
    created_at: Mapped[datetime] = mapped_column(default=now)
