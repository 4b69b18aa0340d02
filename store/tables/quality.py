"""What is known of rows of exports: figures that models gave, training runs on exports, evaluation sets, and what drives labels."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class RowScore(Keyed, Base):
    """What models said of a prompt and a response, by the hash of both and of the models: nothing is asked twice.

    Vectors are little-endian float16. ``loss`` is the mean over the response's tokens, ``None`` where the model cannot read.
    """

    __tablename__ = "row_score"
    __table_args__ = (UniqueConstraint("project_id", "key"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text(64))
    loss: Mapped[float | None]
    loss_alone: Mapped[float | None]  # of the same response after an empty prompt
    prompt_vector: Mapped[bytes] = mapped_column(LargeBinary)
    response_vector: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=now)


class TrainingRun(Keyed, Base):
    """A model was tuned on an export: the loss on a fixed evaluation set, and the means of the export's indicators. Append-only."""

    __tablename__ = "training_run"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    export_id: Mapped[int | None] = mapped_column(ForeignKey("export.id", ondelete="SET NULL"), index=True)
    loss: Mapped[float]
    means: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text(500), default="")
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class EvaluationSet(Keyed, Base):
    """Texts that no exported row may come from, as zlib-packed JSON; ``sha256`` is of the texts and names it in filters."""

    __tablename__ = "evaluation_set"
    __table_args__ = (UniqueConstraint("project_id", "sha256"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(Text(64))
    name: Mapped[str] = mapped_column(Text(200))
    count: Mapped[int]
    texts: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class LabelDrivers(Keyed, Base):
    """What drives a project's labels besides quality, as last fitted, with raw and adjusted scores by output."""

    __tablename__ = "label_drivers"

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), unique=True)
    report: Mapped[dict[str, Any]]
    scores: Mapped[dict[str, Any]]  # output id -> [raw, adjusted]
    in_force: Mapped[bool]
    reviewed: Mapped[int]  # reviewed answers of the project when it was fitted
    fitted_at: Mapped[datetime] = mapped_column(default=now)
