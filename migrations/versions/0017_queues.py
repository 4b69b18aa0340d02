"""Queues with access, gold items and further reviews; adjudication and audit queues; decisions over reviews; sub-tasks.

Revision: 0017, after 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

COLUMNS = (
    ("queue", sa.Column("heartbeat_seconds", sa.Integer(), nullable=False, server_default="60")),
    ("queue", sa.Column("reason_required", sa.Boolean(), nullable=False, server_default=sa.true())),
    ("queue", sa.Column("access", sa.String(20), nullable=False, server_default="any")),
    ("queue", sa.Column("blind", sa.String(10), nullable=False, server_default="share")),
    ("queue", sa.Column("extra_reviews", sa.Integer(), nullable=False, server_default="0")),
    ("queue", sa.Column("agreement_floor", sa.Double(), nullable=False, server_default="1")),
    ("queue", sa.Column("gold_share", sa.Double(), nullable=False, server_default="0")),
    ("queue", sa.Column("gold_floor", sa.Double(), nullable=False, server_default="0.7")),
    ("queue", sa.Column("gold_action", sa.String(10), nullable=False, server_default="tell")),
    ("queue", sa.Column("dealt", sa.Integer(), nullable=False, server_default="0")),
    ("assignment", sa.Column("gold", sa.Boolean(), nullable=False, server_default=sa.false())),
    ("review", sa.Column("decides", sa.Boolean(), nullable=False, server_default=sa.false())),
    ("review", sa.Column("reason", sa.String(), nullable=True)),
)
# In one clause, because SQLite adds a reference only together with its column, and copying a table would lose its indexes.
REFERENCES = (("assignment", "assignee_id", "user_account"), ("item", "parent_id", "item"))
NEW_KINDS = (("adjudicate", "never"), ("audit", "always"))


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column)
    kind = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    for table, name, target in REFERENCES:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {name} {kind} CONSTRAINT fk_{table}_{name}_{target} REFERENCES {target} (id)"
        )
    op.create_index("ix_item_parent_id", "item", ["parent_id"])
    by_priority = ["assignee_id", "queue_id", "state", "audit", sa.text("priority DESC"), "id"]
    for name, columns, where in (
        ("ix_assignment_assignee", by_priority, "assignee_id IS NOT NULL"),
        ("ix_assignment_finished", ["queue_id", "finished_at"], "finished_at IS NOT NULL"),
    ):
        only = sa.text(where)
        op.create_index(name, "assignment", columns, sqlite_where=only, postgresql_where=only)
    _tables()
    op.execute("UPDATE queue SET blind = 'never' WHERE kind <> 'annotate'")
    into = sa.text(
        "INSERT INTO queue (project_id, kind, overlap, lease_seconds, order_policy, skip_policy, audit_share, blind) "
        "SELECT id, CAST(:kind AS VARCHAR), 1, 900, 'risk', 'to_others', 0, CAST(:blind AS VARCHAR) FROM project"
    )
    for new, blind in NEW_KINDS:
        op.execute(into.bindparams(kind=new, blind=blind))


def _tables() -> None:
    op.create_table(
        "queue_member",
        *_keys("queue_member", ("queue_id", "queue"), ("user_id", "user_account")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("gold_since", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("queue_id", "user_id", name=op.f("uq_queue_member_queue_id_user_id")),
    )
    op.create_index(op.f("ix_queue_member_user_id"), "queue_member", ["user_id"])
    op.create_table(
        "gold_item",
        *_keys("gold_item", ("queue_id", "queue"), ("item_id", "item"), ("output_id", "output")),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("retired_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["user_account.id"], name=op.f("fk_gold_item_created_by_user_account")),
        sa.UniqueConstraint("queue_id", "output_id", name=op.f("uq_gold_item_queue_id_output_id")),
    )
    op.create_table(
        "decided_review",
        *_keys("decided_review", ("decision_id", "review"), ("review_id", "review"), ("user_id", "user_account")),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME, nullable=True),
        sa.UniqueConstraint("decision_id", "review_id", name=op.f("uq_decided_review_decision_id_review_id")),
    )
    op.create_index(op.f("ix_decided_review_review_id"), "decided_review", ["review_id"])
    op.create_index("ix_decided_review_user_id_seen_at", "decided_review", ["user_id", "seen_at"])


def _keys(table: str, *references: tuple[str, str]) -> list[sa.schema.SchemaItem]:
    """The primary key and required references; rows of people stay when the person goes nowhere, all others go with their owner."""
    items: list[sa.schema.SchemaItem] = [
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]
    for name, target in references:
        gone = {} if target == "user_account" else {"ondelete": "CASCADE"}
        items.append(sa.Column(name, KEY, nullable=False))
        items.append(
            sa.ForeignKeyConstraint([name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}"), **gone)
        )
    return items


def downgrade() -> None:
    for table in ("decided_review", "gold_item", "queue_member"):
        op.drop_table(table)
    op.execute("DELETE FROM queue WHERE kind IN ('adjudicate', 'audit')")
    op.drop_index("ix_assignment_finished", "assignment")
    op.drop_index("ix_assignment_assignee", "assignment")
    op.drop_index("ix_item_parent_id", "item")
    for table, name, target in reversed(REFERENCES):
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint(f"fk_{table}_{name}_{target}", table, type_="foreignkey")
        op.drop_column(table, name)
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column.name)
