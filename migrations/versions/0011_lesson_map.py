"""The map of a project's lessons: where each lies on the page.

Revision: 0011, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "lesson_map",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("embedder", sa.String(200), nullable=False),
        sa.Column("points", JSON, nullable=False),
        sa.Column("kept", sa.Double(), nullable=False),
        sa.Column("marks", sa.String(80), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_lesson_map_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_map")),
        sa.UniqueConstraint("project_id", name=op.f("uq_lesson_map_project_id")),
    )


def downgrade() -> None:
    op.drop_table("lesson_map")
