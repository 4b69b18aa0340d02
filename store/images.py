"""Pictures of items: kept with them, found by them, and given out one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from core.images import NewImage
from store.lookups import linked_items
from store.tables import Embedding, Item, ItemImage
from store.vectors import remove

SCOPE = "image"  # of their vectors
_MOST_IDS = 500  # in one query


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a picture without its bytes."""

    id: int
    item_id: int
    place: int
    media_type: str
    width: int
    height: int
    caption: str


def put(session: Session, item_id: int, new: Sequence[NewImage]) -> bool:
    """Make these the pictures of an item; false where they are already. Vectors of those that go, go with them.

    Raises ``LookupError`` for no such item.
    """
    item = session.get(Item, item_id, with_for_update={"key_share": True})
    if item is None:
        raise LookupError(f"there is no item {item_id}")
    query = select(ItemImage.id, ItemImage.sha256, ItemImage.caption).where(ItemImage.item_id == item_id)
    there = session.execute(query.order_by(ItemImage.place)).all()
    if [(row.sha256, row.caption) for row in there] == [(one.sha256, one.caption) for one in new]:
        return False
    remove(session, item.project_id, SCOPE, SCOPE, [row.id for row in there])
    session.execute(delete(ItemImage).where(ItemImage.item_id == item_id))
    for place, one in enumerate(new):
        session.add(
            ItemImage(
                item_id=item_id,
                place=place,
                sha256=one.sha256,
                media_type=one.media_type,
                width=one.width,
                height=one.height,
                caption=one.caption,
                data=one.data,
            )
        )
    session.flush()
    return True


def of_items(session: Session, item_ids: Sequence[int]) -> dict[int, list[Picture]]:
    """The pictures of each item that has any, in their order."""
    found: dict[int, list[Picture]] = {}
    columns = [getattr(ItemImage, name) for name in Picture.__dataclass_fields__]
    for start in range(0, len(item_ids), _MOST_IDS):
        wanted = select(*columns).where(ItemImage.item_id.in_(item_ids[start : start + _MOST_IDS]))
        for row in session.execute(wanted.order_by(ItemImage.item_id, ItemImage.place)):
            found.setdefault(row.item_id, []).append(Picture(*row))
    return found


def data_of(session: Session, image_ids: Sequence[int]) -> dict[int, bytes]:
    """The bytes of these pictures; a few megabytes each at most, so ask for few."""
    query = select(ItemImage.id, ItemImage.data).where(ItemImage.id.in_(image_ids))
    return {id_: data for id_, data in session.execute(query)}


def at(session: Session, item_id: int, place: int) -> tuple[str, bytes] | None:
    """Media type and bytes of one picture of an item."""
    query = select(ItemImage.media_type, ItemImage.data).where(ItemImage.item_id == item_id, ItemImage.place == place)
    row = session.execute(query).first()
    return (row.media_type, row.data) if row is not None else None


def items_of(session: Session, image_ids: Sequence[int]) -> Mapping[int, int]:
    """The item of each picture that is there."""
    query = select(ItemImage.id, ItemImage.item_id).where(ItemImage.id.in_(image_ids))
    return {id_: item_id for id_, item_id in session.execute(query)}


def missing(session: Session, project_id: int, model: str) -> Sequence[int]:
    """Pictures of items on which lessons were of use, and that this encoder has not embedded; oldest first."""
    there = exists().where(Embedding.owner_kind == SCOPE, Embedding.owner_id == ItemImage.id, Embedding.model == model)
    query = (
        select(ItemImage.id)
        .join(Item, Item.id == ItemImage.item_id)
        .where(Item.project_id == project_id, linked_items(project_id), ~there)
    )
    return session.scalars(query.order_by(ItemImage.id)).all()


def any_to_embed(session: Session, project_id: int) -> bool:
    """Whether the project has a picture on an item from which lessons came: only then is an encoder loaded."""
    query = select(ItemImage.id).join(Item, Item.id == ItemImage.item_id)
    return session.scalar(query.where(Item.project_id == project_id, linked_items(project_id)).limit(1)) is not None
