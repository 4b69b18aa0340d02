"""Every look-up is kept: who asked for it, and those of programs, which have no output. Gates are versions like trained critics.

``relevance_model`` held one gate a project and nothing beside it; its rows become versions of the gate ``relevance_gate``.

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("lookup") as table:
        table.alter_column("output_id", existing_type=KEY, nullable=True)
        table.add_column(sa.Column("project_id", KEY, nullable=True))
        table.add_column(sa.Column("asked_by", sa.String(20), nullable=False, server_default="generate"))
    op.execute(
        "UPDATE lookup SET project_id = (SELECT item.project_id FROM output JOIN item ON item.id = output.item_id "
        "WHERE output.id = lookup.output_id)"
    )
    with op.batch_alter_table("lookup") as table:
        table.alter_column("project_id", existing_type=KEY, nullable=False)
        table.create_foreign_key(
            op.f("fk_lookup_project_id_project"), "project", ["project_id"], ["id"], ondelete="CASCADE"
        )
        table.create_index("ix_lookup_project_id_id", ["project_id", "id"])
    op.execute(
        "INSERT INTO critic_model (project_id, critic, version, state, figures, labels, current, created_at) "
        "SELECT project_id, 'relevance_gate', 'relevance_gate-0', state, figures, votes, true, fitted_at FROM relevance_model"
    )
    op.drop_table("relevance_model")


def downgrade() -> None:
    op.create_table(
        "relevance_model",
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("fitted_at", TIME, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_relevance_model_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relevance_model")),
        sa.UniqueConstraint("project_id", name=op.f("uq_relevance_model_project_id")),
    )
    op.execute(
        "INSERT INTO relevance_model (project_id, state, figures, votes, fitted_at) SELECT project_id, state, figures, "
        "labels, created_at FROM critic_model WHERE critic = 'relevance_gate' AND current"
    )
    op.execute("DELETE FROM critic_model WHERE critic IN ('relevance_gate', 'sufficiency_gate')")
    op.execute("DELETE FROM lookup WHERE output_id IS NULL")
    with op.batch_alter_table("lookup") as table:
        table.drop_index("ix_lookup_project_id_id")
        table.drop_constraint(op.f("fk_lookup_project_id_project"), type_="foreignkey")
        table.drop_column("asked_by")
        table.drop_column("project_id")
        table.alter_column("output_id", existing_type=KEY, nullable=False)
