"""Edits as JSON values: the form in which a correction keeps its rewrite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, get_args

from core.edits.spans import BadEdits, Edit, Edits
from core.edits.types import EditType

_PLACES = ("start", "end", "start_tok", "end_tok")
_TYPES = get_args(EditType)


def to_json(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Edits as JSON values."""
    return [asdict(edit) for edit in edits]


def from_json(rows: object) -> Edits:
    """The inverse of ``to_json``; ``type`` and ``move`` may be missing. Raises ``BadEdits`` naming the row that is not an edit."""
    if not isinstance(rows, list):
        raise BadEdits("edits must be a list")
    return [_edit(row, number) for number, row in enumerate(rows, 1)]


def _edit(row: object, number: int) -> Edit:
    needed = {*_PLACES, "replacement", "kind"}
    if not isinstance(row, Mapping) or not needed <= row.keys() <= {*needed, "type", "move"}:
        raise BadEdits(
            f"edit {number} must have {', '.join(_PLACES)}, replacement and kind, may have type and move, and nothing else"
        )
    if not all(type(row[place]) is int and row[place] >= 0 for place in _PLACES):
        raise BadEdits(f"edit {number}: positions must be whole numbers from 0")
    if not isinstance(row["replacement"], str) or row["kind"] not in ("insert", "delete", "replace"):
        raise BadEdits(f"edit {number}: replacement must be text and kind one of insert, delete, replace")
    move = row.get("move")
    if row.get("type", "") not in _TYPES or not (move is None or type(move) is int):
        raise BadEdits(
            f"edit {number}: type must be one of {', '.join(filter(None, _TYPES))}, and move a whole number or null"
        )
    return Edit(**row)
