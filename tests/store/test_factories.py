"""Every table can be filled, so that migrations can be tried with rows in each."""

from __future__ import annotations

from sqlalchemy import func, select

from store.engine import Database
from tests import factories


def test_builds_a_row_of_any_table(db: Database) -> None:
    with db.write() as session:
        made = [factories.build(session, table) for table in factories.ALL]
    assert len(made) > 25
    with db.read() as session:
        for table in factories.ALL:
            assert session.scalar(select(func.count()).select_from(table)), table.__tablename__
