"""INSERT ... ON CONFLICT, which both databases have and SQLAlchemy spells once per dialect."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert(session: Session, table: type[Any]) -> postgresql.Insert:
    """An insert into ``table`` of the session's dialect; both dialects' inserts have the same methods."""
    if dialect(session) == "sqlite":
        return cast(postgresql.Insert, sqlite.insert(table))
    return postgresql.insert(table)


def dialect(session: Session) -> str:
    """``sqlite`` or ``postgresql``."""
    return session.get_bind().dialect.name
