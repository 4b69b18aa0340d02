"""Indexes of what is rare among a million slots, so that counting a queue reads them and one index of all.

Revision: 0020, after 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_assignment_further", "assignment", ["queue_id", "item_id"], "slot > 0", "slot > 0"),
    ("ix_assignment_gold", "assignment", ["queue_id", "state"], "gold IS 1", "gold IS true"),
    ("ix_assignment_flagged", "assignment", ["queue_id"], "flagged IS 1", "flagged IS true"),
    ("ix_review_cannot_judge", "review", ["assignment_id"], "verdict = 'cannot_judge'", "verdict = 'cannot_judge'"),
)


def upgrade() -> None:
    for name, table, columns, on_sqlite, on_postgresql in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(on_sqlite), postgresql_where=sa.text(on_postgresql))


def downgrade() -> None:
    for name, table, *_ in reversed(INDEXES):
        op.drop_index(name, table)
