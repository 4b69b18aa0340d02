"""Where to look in an answer: one evidence map per project, with what is known of how often it is right."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class EvidenceMap(Keyed, Base):
    """Its weights as JSON numbers (empty before there was enough to learn from), and hit rates against people's marks.

    A table of its own and no version of ``risk_model``: it gives no risk, and whoever reads the current risk model must not find it.
    """

    __tablename__ = "evidence_map"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), unique=True)
    embedder: Mapped[str] = mapped_column(Text(200), default="")  # whose vectors the weights are for
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)  # hit@1, hit@3 and chance on steps that people marked
    shown: Mapped[bool] = mapped_column(default=False)  # above chance: only then do people see the heat
    reviewed: Mapped[int] = mapped_column(default=0)  # reviewed answers of the project when it was last looked at
    fitted_at: Mapped[datetime] = mapped_column(default=now)
