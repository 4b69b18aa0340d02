"""Who looks at what, and what they said: queues, assignments, declines, drafts, reviews and corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, true
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.clock import now
from store.tables.base import Base, Keyed, Text
from store.tables.work import Output

EMPTY_LIST = sql_text("'[]'")


class Queue(Keyed, Base):
    """A stream of outputs for people. ``overlap`` people review each; a claim lasts ``lease_seconds``.

    What each setting may be is in ``core.queues``.
    """

    __tablename__ = "queue"
    __table_args__ = (UniqueConstraint("project_id", "kind"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text(20))
    overlap: Mapped[int] = mapped_column(default=1)
    lease_seconds: Mapped[int] = mapped_column(default=900)
    order_policy: Mapped[str] = mapped_column(Text(40), default="risk")
    skip_policy: Mapped[str] = mapped_column(Text(20), default="to_others")  # to_me, to_others, set_aside
    audit_share: Mapped[float] = mapped_column(
        default=0.1, server_default="0.1"
    )  # of items drawn at random, whatever their risk; of the audit queue: of reviewed items that are looked at again
    heartbeat_seconds: Mapped[int] = mapped_column(
        default=60, server_default="60"
    )  # between two signs of life of a page
    reason_required: Mapped[bool] = mapped_column(default=True, server_default=true())  # of a skip
    access: Mapped[str] = mapped_column(Text(20), default="any", server_default="any")
    blind: Mapped[str] = mapped_column(Text(10), default="share", server_default="share")
    extra_reviews: Mapped[int] = mapped_column(default=0, server_default="0")  # asked for where people disagree
    agreement_floor: Mapped[float] = mapped_column(
        default=1.0, server_default="1"
    )  # share of the majority that settles
    gold_share: Mapped[float] = mapped_column(default=0.0, server_default="0")  # of claims that get a gold item
    gold_floor: Mapped[float] = mapped_column(default=0.7, server_default="0.7")  # share right of them below which ...
    gold_action: Mapped[str] = mapped_column(Text(10), default="tell", server_default="tell")  # ... this follows
    dealt: Mapped[int] = mapped_column(default=0, server_default="0")  # slots dealt in turn so far


class QueueMember(Keyed, Base):
    """A person of a queue. Slots are dealt to ``active`` ones; gold answers count from ``gold_since`` on."""

    __tablename__ = "queue_member"
    __table_args__ = (UniqueConstraint("queue_id", "user_id"),)

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    gold_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class GoldItem(Keyed, Base):
    """An answer of known verdict that is mixed in among the others of a queue; the verdict is that of its decision."""

    __tablename__ = "gold_item"
    __table_args__ = (UniqueConstraint("queue_id", "output_id"),)

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    retired_at: Mapped[datetime | None]


class Assignment(Keyed, Base):
    """One slot of one item in one queue: state, holder, token and deadline live here and nowhere else."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("queue_id", "item_id", "slot"),
        Index("ix_assignment_claim", "queue_id", "state", "audit", sql_text("priority DESC"), "id"),
        Index("ix_assignment_lease", "queue_id", "state", "deadline"),
        Index("ix_assignment_holder", "holder_id", "state"),
        # Claims of queues whose items are assigned, or dealt in turn.
        Index(
            "ix_assignment_assignee",
            "assignee_id",
            "queue_id",
            "state",
            "audit",
            sql_text("priority DESC"),
            "id",
            sqlite_where=sql_text("assignee_id IS NOT NULL"),
            postgresql_where=sql_text("assignee_id IS NOT NULL"),
        ),
        Index(
            "ix_assignment_finished",
            "queue_id",
            "finished_at",
            sqlite_where=sql_text("finished_at IS NOT NULL"),
            postgresql_where=sql_text("finished_at IS NOT NULL"),
        ),
        # What is rare among many slots, for counting.
        Index(
            "ix_assignment_further",
            "queue_id",
            "item_id",
            sqlite_where=sql_text("slot > 0"),
            postgresql_where=sql_text("slot > 0"),
        ),
        Index(
            "ix_assignment_gold",
            "queue_id",
            "state",
            sqlite_where=sql_text("gold IS 1"),
            postgresql_where=sql_text("gold IS true"),
        ),
        Index(
            "ix_assignment_flagged",
            "queue_id",
            sqlite_where=sql_text("flagged IS 1"),
            postgresql_where=sql_text("flagged IS true"),
        ),
        # A person never holds two slots of one item, whatever two tabs do at once.
        Index(
            "uq_assignment_person",
            "queue_id",
            "item_id",
            "holder_id",
            unique=True,
            sqlite_where=sql_text("holder_id IS NOT NULL"),
            postgresql_where=sql_text("holder_id IS NOT NULL"),
        ),
    )

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"))  # the attempt under review
    slot: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(Text(20), default="open")
    priority: Mapped[float] = mapped_column(default=0.0)  # larger comes first
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    token: Mapped[str | None] = mapped_column(Text(64))
    deadline: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    flagged: Mapped[bool] = mapped_column(default=False)
    audit: Mapped[bool] = mapped_column(default=False, server_default=false())  # drawn at random into the audit slice
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # whose turn it is; None: anybody's
    gold: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )  # of a gold item: no review that is wanted
    reason: Mapped[
        str | None
    ]  # why a program put the item into this queue, in words; None where a person or the policy did
    created_at: Mapped[datetime] = mapped_column(default=now)

    output: Mapped[Output] = relationship()
    queue: Mapped[Queue] = relationship()


class Decline(Keyed, Base):
    """A person skipped or flagged an item of a queue, and why; it does not count as a review."""

    __tablename__ = "decline"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    reason: Mapped[str]
    kind: Mapped[str] = mapped_column(Text(20), default="skip")  # skip, flag; later: comes back to the same person
    created_at: Mapped[datetime] = mapped_column(default=now)


class Draft(Keyed, Base):
    """What a person has typed and not submitted, kept per assignment. ``stale`` drafts were submitted with a lost token."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("assignment_id", "user_id"),)

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    revision: Mapped[int] = mapped_column(default=1)
    stale: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Review(Keyed, Base):
    """What one person decided about one output. Append-only: a later revision points at the one it replaces."""

    __tablename__ = "review"
    __table_args__ = (
        Index(
            "ix_review_cannot_judge",
            "assignment_id",
            sqlite_where=sql_text("verdict = 'cannot_judge'"),
            postgresql_where=sql_text("verdict = 'cannot_judge'"),
        ),
    )

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"), index=True)
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="SET NULL"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    verdict: Mapped[str] = mapped_column(Text(20))
    first_wrong_step: Mapped[int | None]  # 0-based; None when no step is wrong
    step_labels: Mapped[list[Any]] = mapped_column(default=list)  # -1, 0, +1 or None per step
    error_type: Mapped[str | None] = mapped_column(Text(60))
    seconds: Mapped[float | None]
    protocol: Mapped[str] = mapped_column(Text(20), default="first_error", server_default="first_error")
    answer_right: Mapped[bool | None]  # of the final answer, whatever the steps are; None where nobody said
    blind: Mapped[bool] = mapped_column(default=False, server_default=false())  # what machines say was hidden
    alternatives: Mapped[list[Any]] = mapped_column(
        default=list, server_default=EMPTY_LIST
    )  # [step, text, label or None]
    shown: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what stood there: risk, critiques, lessons
    decides: Mapped[bool] = mapped_column(default=False, server_default=false())  # what others said of the output
    reason: Mapped[str | None]  # of a decision, told to those whose reviews it decides
    revision: Mapped[int] = mapped_column(default=1)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("review.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class DecidedReview(Keyed, Base):
    """A review that a decision was about. ``taken``: the decision is this review's, and its correction stands. Its author sees it."""

    __tablename__ = "decided_review"
    __table_args__ = (
        UniqueConstraint("decision_id", "review_id"),
        Index("ix_decided_review_user_id_seen_at", "user_id", "seen_at"),
    )

    decision_id: Mapped[int] = mapped_column(ForeignKey("review.id", ondelete="CASCADE"))
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    taken: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime | None]


class Correction(Keyed, Base):
    """Language feedback on an output or a step of it, with its DROC class and an optional rewrite as edits."""

    __tablename__ = "correction"

    output_id: Mapped[int] = mapped_column(ForeignKey("output.id", ondelete="CASCADE"), index=True)
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="SET NULL"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    text: Mapped[str]
    scope: Mapped[str] = mapped_column(Text(20))
    dependency: Mapped[str] = mapped_column(Text(20))
    step_index: Mapped[int | None]
    span_start: Mapped[int | None]
    span_end: Mapped[int | None]
    error_type: Mapped[str | None] = mapped_column(Text(60))
    rewrite: Mapped[str | None]
    edits: Mapped[list[Any]] = mapped_column(default=list)  # core.edits form of the rewrite
    revision: Mapped[int] = mapped_column(default=1)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"), index=True)
    effect_key: Mapped[str | None] = mapped_column(Text(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
