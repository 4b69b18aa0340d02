"""Restricted projects, teams, members of projects, accounts at sign-in providers, and when a person was last seen.

Revision: 0016, after 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("project", sa.Column("restricted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("user_account", sa.Column("seen_at", TIME, nullable=True))
    op.create_table(
        "team",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("team_member", "team_id", "team"),
        _key("team_member", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_user_id"), "team_member", ["user_id"])
    op.create_table(
        "project_member",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("project_member", "project_id", "project"),
        _key("project_member", "user_id", "user_account"),
        _key("project_member", "team_id", "team"),
        sa.CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name=op.f("ck_project_member_one_of_both")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_member")),
        sa.UniqueConstraint("project_id", "user_id", name=op.f("uq_project_member_project_id_user_id")),
        sa.UniqueConstraint("project_id", "team_id", name=op.f("uq_project_member_project_id_team_id")),
    )
    op.create_index(op.f("ix_project_member_user_id"), "project_member", ["user_id"])
    op.create_index(op.f("ix_project_member_team_id"), "project_member", ["team_id"])
    op.create_table(
        "user_identity",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("user_identity", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_user_identity_issuer_subject")),
    )
    op.create_index(op.f("ix_user_identity_user_id"), "user_identity", ["user_id"])
    if _sqlite():  # INSERT OR REPLACE deletes a row there without asking the trigger that refuses deletes
        op.execute(
            "CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON audit_event "
            "WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only: add a row instead'); END"
        )


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def downgrade() -> None:
    if _sqlite():
        op.execute("DROP TRIGGER audit_event_no_replace")
    for table in ("user_identity", "project_member", "team_member", "team"):
        op.drop_table(table)
    # A lead is what an older version knows as an admin of projects; it has no such role, and the lower one gives away nothing.
    op.execute("UPDATE user_account SET role = 'expert' WHERE role = 'lead'")
    op.drop_column("user_account", "seen_at")
    op.drop_column("project", "restricted")
