"""Text that every database can keep and look for: PostgreSQL refuses NUL, and neither driver can encode a lone surrogate."""

from __future__ import annotations

import hashlib
import re
from typing import Any, overload

from sqlalchemy import ColumnElement, or_

_SURROGATE = re.compile("[\ud800-\udfff]")


@overload
def clean(value: str) -> str: ...
@overload
def clean(value: Any) -> Any: ...
def clean(value: Any) -> Any:
    """``value`` with NUL removed and each lone surrogate replaced by U+FFFD; goes into lists, tuples and dicts."""
    if isinstance(value, str):
        if value.isascii():
            return value.replace("\0", "") if "\0" in value else value
        return _SURROGATE.sub("\ufffd", value).replace("\0", "")
    if isinstance(value, dict):
        return {clean(key): clean(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(clean(inner) for inner in value) if type(value) in (list, tuple) else value
    return value


def shift(text: str, position: int) -> int:
    """Where ``position`` of ``text`` lies in ``clean(text)``: only removed NULs move anything."""
    return position - text.count("\0", 0, position)


def mentions(text: str, *columns: Any) -> ColumnElement[bool]:
    """That ``text`` stands in one of the columns, in any case."""
    return or_(*(column.icontains(clean(text), autoescape=True) for column in columns))


def digest(*texts: str, length: int = 24) -> str:
    """A name of these texts for keys: the first ``length`` digits of their SHA-256, a lone surrogate or not."""
    return hashlib.sha256("\x00".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
