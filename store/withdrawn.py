"""What is taken back at this moment: entries of retractions that stand. What a retraction holds is out of search and exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Select, select

from store.tables import Retraction, RetractionEntry

PART = 5000  # ids of one query: SQLite binds at most 32,766


def held(kind: str) -> Select[int]:
    """Ids of the ``correction``, ``review``, ``lesson``, ``suspended`` or ``export`` rows that a standing retraction holds."""
    return (
        select(RetractionEntry.owner_id)
        .join(Retraction, Retraction.id == RetractionEntry.retraction_id)
        .where(RetractionEntry.kind == kind, Retraction.undone_at.is_(None))
    )


def parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """``ids`` in pieces that one query can bind."""
    for start in range(0, len(ids), PART):
        yield ids[start : start + PART]
