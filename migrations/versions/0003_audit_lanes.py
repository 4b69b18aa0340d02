"""Claims walk the audit slice and the other slots each in order: the index has a place for both.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_assignment_claim", "assignment"
BY_PRIORITY = (sa.text("priority DESC"), "id")


def upgrade() -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, ["queue_id", "state", "audit", *BY_PRIORITY])


def downgrade() -> None:
    # Slots that passed are unknown before this revision.
    op.execute("UPDATE assignment SET state = 'open' WHERE state = 'passed'")
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, ["queue_id", "state", *BY_PRIORITY])
