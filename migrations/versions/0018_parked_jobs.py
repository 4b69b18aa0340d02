"""Jobs for which their project has no place at the moment are parked.

Revision: 0018, after 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WHERE = sa.text("parked AND state = 'queued'")


def upgrade() -> None:
    op.add_column("job", sa.Column("parked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_job_parked", "job", ["project_id", "priority", "id"], sqlite_where=WHERE, postgresql_where=WHERE
    )


def downgrade() -> None:
    op.drop_index("ix_job_parked", "job")
    with op.batch_alter_table("job") as table:
        table.drop_column("parked")
