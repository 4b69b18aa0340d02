"""What is answered and what is known of each answer: projects, items, outputs, steps, votes, risks, critiques, rollouts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.clock import now
from store.tables.base import Base, BigKey, Keyed, Text

EMPTY = sql_text("'{}'")  # server default of JSON columns that came after the first revision


class Project(Keyed, Base):
    """A task family. ``settings`` holds generator, signal, queue and retrieval choices, validated by ``core.item_types``."""

    __tablename__ = "project"

    slug: Mapped[str] = mapped_column(Text(80), unique=True)
    name: Mapped[str] = mapped_column(Text(200))
    guidelines: Mapped[str] = mapped_column(default="")
    item_type: Mapped[str] = mapped_column(Text(20), default="reasoning")
    labels: Mapped[list[Any]] = mapped_column(default=list)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    licence: Mapped[str] = mapped_column(Text(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
    restricted: Mapped[bool] = mapped_column(default=False, server_default=false())  # to its members


class Rule(Keyed, Base):
    """A person's rule. ``kind`` and ``options`` say what is looked for, ``says`` what it means when found, ``evidence`` why."""

    __tablename__ = "rule"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text(80))
    pattern: Mapped[str] = mapped_column(Text(1000))
    field: Mapped[str] = mapped_column(Text(20), default="answer")  # prompt, context, answer
    kind: Mapped[str] = mapped_column(Text(20), default="pattern", server_default="pattern")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=EMPTY)
    says: Mapped[str] = mapped_column(Text(200))  # a verdict, or one of the project's labels
    evidence: Mapped[str] = mapped_column(default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Item(Keyed, Base):
    """One prompt with optional context and reference. ``reference`` is seen by outcome checkers and people only."""

    __tablename__ = "item"
    __table_args__ = (UniqueConstraint("project_id", "external_id"), Index("ix_item_project_id_id", "project_id", "id"))

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(Text(200))
    prompt: Mapped[str]
    context: Mapped[str] = mapped_column(default="")
    reference: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("item.id"), index=True
    )  # of which it is a sub-task (paper 7)
    created_at: Mapped[datetime] = mapped_column(default=now)

    project: Mapped[Project] = relationship()


class Output(Keyed, Base):
    """One answer to an item. ``effect_key`` is unique per effect of a job, so that a job run twice leaves one row."""

    __tablename__ = "output"
    __table_args__ = (Index("ix_output_item_id_attempt", "item_id", "attempt"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(default=1)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("output.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id", use_alter=True))  # that led to it
    text: Mapped[str]
    label: Mapped[str | None] = mapped_column(Text(200))
    model: Mapped[str] = mapped_column(Text(200))
    origin: Mapped[str] = mapped_column(Text(20), default="generated")  # generated, imported
    refiner: Mapped[str | None] = mapped_column(Text(40))  # member of core.refiners that led to it
    messages: Mapped[list[Any]] = mapped_column(default=list)  # the exact prompt, as [role, content] pairs
    tokens: Mapped[list[Any]] = mapped_column(default=list)  # [text, logprob, entropy] per token, may be empty
    mean_logprob: Mapped[float | None]
    label_scores: Mapped[dict[str, Any]] = mapped_column(default=dict)  # probability per label
    finish_reason: Mapped[str] = mapped_column(Text(20), default="")
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    item: Mapped[Item] = relationship()
    steps: Mapped[list[Step]] = relationship(order_by="Step.index", cascade="all, delete-orphan")
    judged: Mapped[Risk | None] = relationship(viewonly=True)


class Step(Keyed, Base):
    """A numbered piece of an output, 0-based; ``output.text[start:end] == text``."""

    __tablename__ = "step"
    __table_args__ = (UniqueConstraint("output_id", "index"),)

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    index: Mapped[int]
    text: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    kind: Mapped[str] = mapped_column(Text(20), default="reasoning")


class Vote(Keyed, Base):
    """What one signal says about one output; the newest answer of a source replaces its older one."""

    __tablename__ = "vote"
    __table_args__ = (UniqueConstraint("output_id", "source"),)

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(Text(120))
    verdict: Mapped[str | None] = mapped_column(Text(20))
    label: Mapped[str | None] = mapped_column(Text(200))
    evidence: Mapped[str] = mapped_column(default="")
    step_index: Mapped[int | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=EMPTY)  # what was measured
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class Risk(Keyed, Base):
    """The probability that an output is wrong, by which method and version, and what drove it. One current row an output."""

    __tablename__ = "risk"

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"), unique=True)
    value: Mapped[float]
    method: Mapped[str] = mapped_column(Text(80))
    version: Mapped[str] = mapped_column(Text(80))
    calibrated: Mapped[bool] = mapped_column(default=False)
    reviewed: Mapped[int] = mapped_column(default=0)
    low: Mapped[float | None]
    high: Mapped[float | None]
    raw: Mapped[float | None]  # before calibration
    evidence: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=EMPTY
    )  # similar verdicts, heat of the steps
    drivers: Mapped[list[Any]] = mapped_column(default=list)  # [source, log-odds contribution], strongest first
    created_at: Mapped[datetime] = mapped_column(default=now)


class RiskModel(Keyed, Base):
    """A fitted harmonizer of a project: its weights as JSON numbers, never as a pickle."""

    __tablename__ = "risk_model"
    __table_args__ = (UniqueConstraint("project_id", "version"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    version: Mapped[str] = mapped_column(Text(80))
    method: Mapped[str] = mapped_column(Text(80))
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)
    figures: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=EMPTY
    )  # held-out figures of this version
    rows: Mapped[int] = mapped_column(default=0)
    reviewed: Mapped[int] = mapped_column(default=0)
    current: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Critique(Keyed, Base):
    """A judgement of one step by one source."""

    __tablename__ = "critique"
    __table_args__ = (UniqueConstraint("output_id", "step_index", "source"),)

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    step_index: Mapped[int]
    source: Mapped[str] = mapped_column(Text(120))
    label: Mapped[int]  # -1, 0, +1
    error_type: Mapped[str | None] = mapped_column(Text(60))
    explanation: Mapped[str] = mapped_column(default="")
    confidence: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Rollout(Keyed, Base):
    """A continuation sampled from a prefix of an item's answer: the one store of every method that samples."""

    __tablename__ = "rollout"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    output_id: Mapped[int | None] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"), index=True)
    prefix_steps: Mapped[int] = mapped_column(default=0)  # how many steps of the output the prefix holds
    text: Mapped[str]
    answer: Mapped[str | None]  # the final answer found in it
    outcome: Mapped[bool | None]  # agrees with the reference; None where nobody compared
    sampler: Mapped[str] = mapped_column(Text(200))
    seed: Mapped[int | None] = mapped_column(BigKey)
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class CriticModel(Keyed, Base):
    """A version of a critic that a project trained on its people's step labels. ``figures`` has what it did before and after."""

    __tablename__ = "critic_model"
    __table_args__ = (UniqueConstraint("project_id", "critic", "version"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    critic: Mapped[str] = mapped_column(Text(120))
    version: Mapped[str] = mapped_column(Text(80))
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    labels: Mapped[int] = mapped_column(default=0)  # labelled solutions that it learned from
    current: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
