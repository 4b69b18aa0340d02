"""Edits that somebody else wrote, often a model: what could be read of them, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.edits.spans import Edit, Edits

Trouble = Literal["unreadable", "outside", "overlap", "ambiguous", "missing"]


@dataclass(frozen=True, slots=True)
class Problem:
    """An edit that was left out, and why; ``places`` are the spans of the source that were meant, if several could be."""

    trouble: Trouble
    message: str
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """``edits`` can be applied as they are; ``problems`` are in the order in which they were met."""

    edits: Edits
    problems: tuple[Problem, ...] = ()

    @property
    def fine(self) -> bool:
        return not self.problems


def without_overlaps(found: Iterable[Edit], problems: list[Problem]) -> Parsed:
    """Keeps the first of edits that overlap in the order given and reports the others."""
    kept: list[Edit] = []
    for edit in found:
        other = next((k for k in kept if _overlap(k, edit)), None)
        if other is None:
            kept.append(edit)
        else:
            message = f"the edit at {edit.start}-{edit.end} overlaps the one at {other.start}-{other.end}"
            problems.append(Problem("overlap", message, ((other.start, other.end), (edit.start, edit.end))))
    return Parsed(sorted(kept, key=lambda e: (e.start, e.end)), tuple(problems))


def _overlap(a: Edit, b: Edit) -> bool:
    return a.start == b.start or max(a.start, b.start) < min(a.end, b.end)
