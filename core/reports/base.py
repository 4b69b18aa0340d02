"""A report is a named function from counts to figures; the page and the command print the same object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from core.registry import Registry

Row_contra = TypeVar("Row_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One finished item: how many corrections it took until an output was accepted, and when."""

    item_id: int
    corrections: int
    accepted: bool
    day: str  # ISO date
    first_attempt_wrong: bool
    last_attempt_wrong: bool


@dataclass(frozen=True, slots=True)
class JudgedRisk:
    """One reviewed output: the risk before calibration (``None`` where it was not kept), the one shown, and what people found.

    ``weight`` is one over the chance that it was reviewed: 1 where every output is.
    """

    raw: float | None
    value: float
    wrong: bool
    group: str = ""
    weight: float = 1.0


class Report(Protocol[Row_contra]):
    """Each report says which rows it is computed from."""

    name: str

    def compute(self, rows: Sequence[Row_contra]) -> Mapping[str, Any]: ...


REGISTRY: Registry[Report[Any]] = Registry("report")
