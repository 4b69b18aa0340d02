"""How lessons are judged: probes, hard negatives, and paired runs with and without.

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def to(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "lesson_probe",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("lesson_revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("made", sa.String(20), nullable=False),
        sa.Column("item_id", KEY, nullable=True),
        sa.Column("author_id", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.Column("removed_by", KEY, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        to("lesson_probe", "lesson_id", "lesson", "CASCADE"),
        to("lesson_probe", "item_id", "item", "SET NULL"),
        to("lesson_probe", "author_id", "user_account"),
        to("lesson_probe", "removed_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_probe")),
    )
    op.create_index(op.f("ix_lesson_probe_lesson_id"), "lesson_probe", ["lesson_id"])
    op.create_table(
        "lesson_probe_run",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("lesson_revision", sa.Integer(), nullable=False),
        sa.Column("canonical", sa.Boolean(), nullable=True),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("negatives", sa.Integer(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("embedder", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=True),
        sa.Column("effect_key", sa.String(200), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        to("lesson_probe_run", "lesson_id", "lesson", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_probe_run")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_lesson_probe_run_effect_key")),
    )
    op.create_index(op.f("ix_lesson_probe_run_lesson_id"), "lesson_probe_run", ["lesson_id"])
    op.create_table(
        "lesson_trial",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("lesson_id", KEY, nullable=True),
        sa.Column("lesson_revision", sa.Integer(), nullable=True),
        sa.Column("lessons", JSON, nullable=False),
        sa.Column("text_without", sa.String(), nullable=False),
        sa.Column("text_with", sa.String(), nullable=False),
        sa.Column("right_without", sa.Boolean(), nullable=False),
        sa.Column("right_with", sa.Boolean(), nullable=False),
        sa.Column("judged_by", sa.String(20), nullable=False),
        sa.Column("seed", KEY, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("effect_key", sa.String(200), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        to("lesson_trial", "project_id", "project", "CASCADE"),
        to("lesson_trial", "item_id", "item", "CASCADE"),
        to("lesson_trial", "lesson_id", "lesson", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_trial")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_lesson_trial_effect_key")),
    )
    op.create_index(op.f("ix_lesson_trial_project_id_lesson_id"), "lesson_trial", ["project_id", "lesson_id"])
    op.create_index(op.f("ix_lesson_trial_item_id"), "lesson_trial", ["item_id"])
    op.create_table(
        "lesson_proposal",
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        to("lesson_proposal", "lesson_id", "lesson", "CASCADE"),
        to("lesson_proposal", "decided_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_proposal")),
    )
    op.create_index(
        "uq_lesson_proposal_open",
        "lesson_proposal",
        ["lesson_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def downgrade() -> None:
    for table in ("lesson_proposal", "lesson_trial", "lesson_probe_run", "lesson_probe"):
        op.drop_table(table)
