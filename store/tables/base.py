"""Column types and the base class of every table: portable keys, aware UTC times, JSON, and names for constraints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from store.text import clean

BigKey = BigInteger().with_variant(Integer(), "sqlite")


class Text(TypeDecorator[str]):
    """Text as both databases can keep it (``store.text.clean``); too long for its column raises ``ValueError`` on both."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        kept = clean(value)
        limit = self.impl_instance.length if isinstance(self.impl_instance, String) else None
        if limit is not None and len(kept) > limit:
            raise ValueError(f"text of {len(kept)} characters where at most {limit} fit: {kept[:40]!r}...")
        return kept


class CleanJson(TypeDecorator[Any]):
    """JSON (JSONB on PostgreSQL) whose strings are cleaned as ``Text`` is."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return clean(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC on every database; a naive time raises ``ValueError``."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone: use store.clock.now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table. Constraint names are fixed so that migrations can name them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: UtcDateTime,
        dict[str, Any]: CleanJson,
        list[Any]: CleanJson,
    }


class Keyed:
    """A row with a surrogate integer key."""

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
