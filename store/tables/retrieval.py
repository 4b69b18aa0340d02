"""How lessons were looked up for an answer, and what a project's votes teach about which ones belong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class Lookup(Keyed, Base):
    """The rounds in which the lessons of one output were looked up: queries, hits with scores, what was accepted and why it ended."""

    __tablename__ = "lookup"
    __table_args__ = (UniqueConstraint("output_id"),)

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    rounds: Mapped[list[Any]]
    stopped: Mapped[str] = mapped_column(Text(20))  # a ``core.lessons.sufficiency.Stopped``
    best: Mapped[float]  # the highest probability that any lesson had of belonging
    created_at: Mapped[datetime] = mapped_column(default=now)


class RelevanceModel(Keyed, Base):
    """The relevance gate that a project's own votes taught; without one the default coefficients hold."""

    __tablename__ = "relevance_model"
    __table_args__ = (UniqueConstraint("project_id"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    state: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    votes: Mapped[int]
    fitted_at: Mapped[datetime] = mapped_column(default=now)
