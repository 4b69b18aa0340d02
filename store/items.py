"""Items: what is to be answered. Adding is an upsert by external id, so that importing a file twice changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Select, String, Table, bindparam, exists, func, select, true, update
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from store.bulk import insert_rows
from store.clock import now
from store.tables import Item, Output, Project
from store.text import clean, mentions

_TABLE = cast(Table, Item.__table__)
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
    lock = select(Project.id).where(Project.id == project_id).with_for_update(key_share=True)
    if rows and session.scalar(lock) is None:  # also where the person does not see it
        raise LookupError(f"there is no project {project_id}")
    counts = {"added": 0, "updated": 0, "unchanged": 0}
    ids: list[int] = []
    for start in range(0, len(rows), BATCH):
        ids += _add_batch(session, project_id, rows[start : start + BATCH], counts)
    return AddResult(**counts, ids=ids)


def _add_batch(session: Session, project_id: int, rows: Sequence[NewItem], counts: dict[str, int]) -> list[int]:
    """Written as rows, not as objects: those cost half of an import, and a large one must not keep them in memory."""
    session.flush()
    names = [clean(row.external_id) for row in rows]
    ids: dict[str, int] = {}
    stand: dict[str, dict[str, Any]] = {}  # what is there, and then what shall be
    columns = (Item.external_id, Item.id, Item.prompt, Item.context, Item.reference, Item.meta)
    for name, item_id, *fields in session.execute(_named(session, project_id, names, *columns)):
        ids[name] = item_id
        stand[name] = dict(zip(("prompt", "context", "reference", "meta"), fields, strict=True))
    new: set[str] = set()
    changed: set[str] = set()
    for name, row in zip(names, rows, strict=True):
        values = row.values()
        if name not in stand:
            new.add(name)
            counts["added"] += 1
        elif stand[name] == values:
            counts["unchanged"] += 1
            continue
        else:
            changed.add(name)
            counts["updated"] += 1
        stand[name] = values
    if new:
        # Each once, in the order of the file.
        made = [
            {"project_id": project_id, "external_id": name, **stand[name], "created_at": now()}
            for name in dict.fromkeys(names)
            if name in new
        ]
        insert_rows(session, _TABLE, made)
        added = _named(session, project_id, sorted(new), Item.external_id, Item.id)
        ids |= {name: item_id for name, item_id in session.execute(added)}
    _change(session, {ids[name]: stand[name] for name in changed - new})
    return [ids[name] for name in names]


def _named(session: Session, project_id: int, names: Sequence[str], *columns: Any) -> Select[Any]:
    """Those columns of a project's items with these external ids.

    PostgreSQL is made to look each id up: it knows nothing yet of rows that this transaction has added, takes the project for a
    small one and reads all of it for every batch.
    """
    asked = select(*columns).where(Item.project_id == project_id)
    if session.get_bind().dialect.name != "postgresql":
        return asked.where(Item.external_id.in_(names))
    wanted = func.unnest(as_type(list(names), ARRAY(String))).table_valued("name", name="wanted")
    one = asked.where(Item.external_id == wanted.c.name).limit(1).lateral("one")
    return select(*(one.c[column.key] for column in columns)).select_from(wanted).join(one, true())


def _change(session: Session, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Write these fields of items, by id; those that the session holds are read anew."""
    if not values:
        return
    statement = update(_TABLE).where(_TABLE.c.id == bindparam("which"))
    session.execute(statement, [{"which": item_id, **fields} for item_id, fields in values.items()])
    for row in session.identity_map.values():
        if isinstance(row, Item) and row.id in values:
            session.expire(row)


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
