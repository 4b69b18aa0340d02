"""How lessons are judged: the edit suite of each, what its runs found, paired answers with and without, and proposals to retire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, BigKey, Keyed, Text


class LessonProbe(Keyed, Base):
    """One question of a lesson's edit suite (canonical examples, paper 24). Taken out by ``removed_at``, never deleted."""

    __tablename__ = "lesson_probe"

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), index=True)
    lesson_revision: Mapped[int]  # the first revision with the wording that it was made for
    kind: Mapped[str] = mapped_column(Text(20))  # canonical, paraphrase, negative
    text: Mapped[str]
    context: Mapped[str] = mapped_column(default="")
    answer: Mapped[str | None]  # what people let stand; judges, and is in no prompt
    made: Mapped[str] = mapped_column(Text(20))  # how: see ``core.lessons.edit_suite.Made``
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id", ondelete="SET NULL"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # None where the program made it
    created_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class LessonProbeRun(Keyed, Base):
    """What one run of a lesson's suite found. ``details`` holds what each probe found, by its id."""

    __tablename__ = "lesson_probe_run"

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"), index=True)
    lesson_revision: Mapped[int]
    canonical: Mapped[bool | None]  # found for its own example; None where there is none
    probes: Mapped[int]  # paraphrases asked, and those that found it
    found: Mapped[int]
    negatives: Mapped[int]  # hard negatives asked, and those that found it all the same
    hits: Mapped[int]
    details: Mapped[list[Any]] = mapped_column(default=list)
    embedder: Mapped[str] = mapped_column(Text(200))
    model: Mapped[str | None] = mapped_column(Text(200))  # that answered; None where only the look-up was judged
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LessonTrial(Keyed, Base):
    """An item answered twice under one seed: without a lesson, or without the whole memory, and with it."""

    __tablename__ = "lesson_trial"
    __table_args__ = (Index("ix_lesson_trial_project_id_lesson_id", "project_id", "lesson_id"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    lesson_id: Mapped[int | None] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"))  # None: the whole memory
    lesson_revision: Mapped[int | None]
    lessons: Mapped[list[Any]] = mapped_column(default=list)  # ids of those that the answer ``with`` drew on
    text_without: Mapped[str]
    text_with: Mapped[str]
    right_without: Mapped[bool]
    right_with: Mapped[bool]
    judged_by: Mapped[str] = mapped_column(Text(20))  # reference, or accepted: what the answers were compared with
    seed: Mapped[int] = mapped_column(BigKey)
    model: Mapped[str] = mapped_column(Text(200))
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LessonProposal(Keyed, Base):
    """The program proposes to retire a lesson; a person confirms or dismisses it. At most one is open per lesson."""

    __tablename__ = "lesson_proposal"
    __table_args__ = (
        Index(
            "uq_lesson_proposal_open",
            "lesson_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.id", ondelete="CASCADE"))
    reason: Mapped[str]
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    evidence: Mapped[int]  # how many changed answers and votes it rests on
    state: Mapped[str] = mapped_column(Text(20), default="open")  # open, confirmed, dismissed, withdrawn
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
