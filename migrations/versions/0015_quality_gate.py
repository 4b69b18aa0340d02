"""Quality gate of exports: what models said of rows, training runs, evaluation sets; and what drives labels besides quality.

Revision: 0015, after 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def _project(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_project_id_project")
    return sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=name, ondelete="CASCADE")


def _author(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["created_by"], ["user_account.id"], name=op.f(f"fk_{table}_created_by_user_account")
    )


def upgrade() -> None:
    op.create_table(
        "row_score",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("loss_alone", sa.Double(), nullable=True),
        sa.Column("prompt_vector", sa.LargeBinary(), nullable=False),
        sa.Column("response_vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        _project("row_score"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_score")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_row_score_project_id_key")),
    )
    op.create_table(
        "training_run",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("export_id", KEY, nullable=True),
        sa.Column("loss", sa.Double(), nullable=False),
        sa.Column("means", JSON, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        _project("training_run"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name=op.f("fk_training_run_export_id_export"), ondelete="SET NULL"
        ),
        _author("training_run"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_run")),
    )
    op.create_index(op.f("ix_training_run_project_id"), "training_run", ["project_id"])
    op.create_index(op.f("ix_training_run_export_id"), "training_run", ["export_id"])
    op.create_table(
        "evaluation_set",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("texts", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        _project("evaluation_set"),
        _author("evaluation_set"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_set")),
        sa.UniqueConstraint("project_id", "sha256", name=op.f("uq_evaluation_set_project_id_sha256")),
    )
    op.create_table(
        "label_drivers",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("report", JSON, nullable=False),
        sa.Column("scores", JSON, nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("fitted_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        _project("label_drivers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_drivers")),
        sa.UniqueConstraint("project_id", name=op.f("uq_label_drivers_project_id")),
    )


def downgrade() -> None:
    op.drop_table("label_drivers")
    op.drop_table("evaluation_set")
    op.drop_index(op.f("ix_training_run_export_id"), "training_run")
    op.drop_index(op.f("ix_training_run_project_id"), "training_run")
    op.drop_table("training_run")
    op.drop_table("row_score")
