"""The evidence map of a project: where to look in an answer, learned from verdicts.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "evidence_map",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("embedder", sa.String(200), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_evidence_map_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_map")),
        sa.UniqueConstraint("project_id", name=op.f("uq_evidence_map_project_id")),
    )


def downgrade() -> None:
    op.drop_table("evidence_map")
