"""Which of the revisions of a review or a correction counts now."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.orm import aliased

from store.tables import Correction, Review
from store.withdrawn import held


def is_current(row: type[Review] | type[Correction]) -> ColumnElement[bool]:
    """True of rows that no later revision replaces. A review that was taken back counts nowhere.

    Of corrections those that were taken back are among them, because a page shows what was said: see ``store.withdrawn``.
    """
    later = aliased(row)
    newest = ~exists().where(later.replaces_id == row.id)
    return and_(newest, Review.id.not_in(held("review"))) if row is Review else newest
