"""Which of the revisions of a review or a correction counts now."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import aliased

from store.tables import Correction, Review


def is_current(row: type[Review] | type[Correction]) -> ColumnElement[bool]:
    """True of rows that no later revision replaces."""
    later = aliased(row)
    return ~exists().where(later.replaces_id == row.id)
