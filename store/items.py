"""Items: what is to be answered. Adding is an upsert by external id, so that importing a file twice changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from store.tables import Item, Output, Project
from store.text import clean, mentions

BATCH = 500  # stays below SQLite's limit on bound values


@dataclass(frozen=True, slots=True)
class NewItem:
    external_id: str
    prompt: str
    context: str = ""
    reference: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Every field but the external id, as it will be stored."""
        return {
            "prompt": clean(self.prompt),
            "context": clean(self.context),
            "reference": clean(self.reference),
            "meta": clean(dict(self.meta)),
        }


@dataclass(frozen=True, slots=True)
class AddResult:
    """Counts of rows, and the item ids in the order of the rows given."""

    added: int
    updated: int
    unchanged: int
    ids: list[int]


def add_many(session: Session, project_id: int, rows: Sequence[NewItem]) -> AddResult:
    """Add rows, or change the items that carry their external ids; a changed item keeps its outputs and reviews.

    Raises ``ValueError`` on an empty or overlong external id, before anything is written.
    """
    for row in rows:
        if not 0 < len(clean(row.external_id)) <= 200:
            raise ValueError(f"an item's id has between 1 and 200 characters: {row.external_id[:40]!r}")
    # Two imports into one project take turns, so that neither trips over the other's new ids.
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
    counts = {"added": 0, "updated": 0, "unchanged": 0}
    ids: list[int] = []
    for start in range(0, len(rows), BATCH):
        ids += _add_batch(session, project_id, rows[start : start + BATCH], counts)
    return AddResult(**counts, ids=ids)


def _add_batch(session: Session, project_id: int, rows: Sequence[NewItem], counts: dict[str, int]) -> list[int]:
    names = [clean(row.external_id) for row in rows]
    query = select(Item).where(Item.project_id == project_id, Item.external_id.in_(names))
    known = {item.external_id: item for item in session.scalars(query)}
    for name, row in zip(names, rows, strict=True):
        values = row.values()
        if name not in known:
            known[name] = Item(project_id=project_id, external_id=name, **values)
            session.add(known[name])
            counts["added"] += 1
        elif all(getattr(known[name], key) == value for key, value in values.items()):
            counts["unchanged"] += 1
        else:
            for key, value in values.items():
                setattr(known[name], key, value)
            counts["updated"] += 1
    session.flush()
    ids = [known[name].id for name in names]
    for item in known.values():
        session.expunge(item)  # a large import must not keep every row in memory
    return ids


def get(session: Session, item_id: int) -> Item:
    """Raises ``LookupError``."""
    item = session.get(Item, item_id)
    if item is None:
        raise LookupError(f"there is no item {item_id}")
    return item


def without_output(session: Session, project_id: int, limit: int) -> list[int]:
    """Ids of items that no answer was made for yet, oldest first."""
    answered = exists().where(Output.item_id == Item.id)
    query = select(Item.id).where(Item.project_id == project_id, ~answered).order_by(Item.id).limit(limit)
    return list(session.scalars(query))


def page(
    session: Session, project_id: int, *, after: int = 0, limit: int = 50, text: str | None = None
) -> Sequence[Item]:
    """Items with an id above ``after``, in order; ``text`` is looked for in external id, prompt and context, in any case."""
    query = select(Item).where(Item.project_id == project_id, Item.id > after).order_by(Item.id).limit(limit)
    if text:
        query = query.where(mentions(text, Item.external_id, Item.prompt, Item.context))
    return session.scalars(query).all()
