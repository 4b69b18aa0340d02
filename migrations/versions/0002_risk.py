"""Risk that can be explained: kinds of rules, details of a vote, the raw risk with its evidence, and the random audit slice of a queue.

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
EMPTY = sa.text("'{}'")


def _added() -> list[tuple[str, sa.Column]]:
    return [
        ("rule", sa.Column("kind", sa.String(20), nullable=False, server_default="pattern")),
        ("rule", sa.Column("options", JSON, nullable=False, server_default=EMPTY)),
        ("vote", sa.Column("details", JSON, nullable=False, server_default=EMPTY)),
        ("risk", sa.Column("raw", sa.Double(), nullable=True)),
        ("risk", sa.Column("evidence", JSON, nullable=False, server_default=EMPTY)),
        ("risk_model", sa.Column("figures", JSON, nullable=False, server_default=EMPTY)),
        ("queue", sa.Column("audit_share", sa.Double(), nullable=False, server_default="0.1")),
        ("assignment", sa.Column("audit", sa.Boolean(), nullable=False, server_default=sa.false())),
        ("output", sa.Column("refiner", sa.String(40), nullable=True)),
    ]


def upgrade() -> None:
    for table, column in _added():
        op.add_column(table, column)


def downgrade() -> None:
    for table, column in reversed(_added()):
        op.drop_column(table, column.name)
