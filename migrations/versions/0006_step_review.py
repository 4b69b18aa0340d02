"""Step review: how steps were judged, alternatives, blind items; why a program queued an item; trained critics.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

COLUMNS = (
    ("review", sa.Column("protocol", sa.String(20), nullable=False, server_default="first_error")),
    ("review", sa.Column("answer_right", sa.Boolean(), nullable=True)),
    ("review", sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.false())),
    ("review", sa.Column("alternatives", JSON, nullable=False, server_default=sa.text("'[]'"))),
    ("assignment", sa.Column("reason", sa.String(), nullable=True)),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column)
    op.create_table(
        "critic_model",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("critic", sa.String(120), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_critic_model_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_critic_model")),
        sa.UniqueConstraint("project_id", "critic", "version", name=op.f("uq_critic_model_project_id_critic_version")),
    )


def downgrade() -> None:
    op.drop_table("critic_model")
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column.name)
