"""Pictures that belong to an item, as they were checked and written anew when they came in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import now
from store.tables.base import Base, Keyed, Text


class ItemImage(Keyed, Base):
    """One picture of an item, in its place from 0. The bytes are in the database, so that every machine's worker has them."""

    __tablename__ = "item_image"
    __table_args__ = (UniqueConstraint("item_id", "place"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    place: Mapped[int]
    sha256: Mapped[str] = mapped_column(Text(64))
    media_type: Mapped[str] = mapped_column(Text(20))
    width: Mapped[int]  # pixels
    height: Mapped[int]
    caption: Mapped[str] = mapped_column(default="")
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
