"""Differences for display: of words, and of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.edits.spans import extract

Op = Literal["equal", "delete", "insert"]
MIN_LIKENESS = 0.5  # two steps that share less are a deletion and an insertion
MAX_PAIRS = 40_000  # steps x steps that are compared with each other


def word_diff(source: str, target: str) -> list[tuple[Op, str]]:
    """``source`` against ``target`` for display: equal and deleted pieces spell the source, equal and inserted the target."""
    pieces: list[tuple[Op, str]] = []
    done = 0
    for edit in extract(source, target):
        pieces += [("equal", source[done : edit.start]), ("delete", source[edit.start : edit.end])]
        pieces.append(("insert", edit.replacement))
        done = edit.end
    pieces.append(("equal", source[done:]))
    return [(op, text) for op, text in pieces if text]


@dataclass(frozen=True, slots=True)
class StepChange:
    """Step ``old`` of the source beside step ``new`` of the target (from 0); ``None`` on the side that has no such step."""

    op: Literal["equal", "change", "insert", "delete"]
    old: int | None
    new: int | None


def step_diff(old: Sequence[str], new: Sequence[str]) -> list[StepChange]:
    """Steps side by side in order: the alignment with the greatest total likeness. Every step of both sides appears once."""
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    changes = [StepChange("equal", i, i) for i in range(head)]
    changes += [_shifted(change, head) for change in _aligned(a, b)]
    return changes + [StepChange("equal", len(old) - i, len(new) - i) for i in range(tail, 0, -1)]


def _shifted(change: StepChange, by: int) -> StepChange:
    old, new = (None if place is None else place + by for place in (change.old, change.new))
    return StepChange(change.op, old, new)


def _aligned(a: Sequence[str], b: Sequence[str]) -> list[StepChange]:
    if len(a) * len(b) > MAX_PAIRS:
        return [StepChange("delete", i, None) for i in range(len(a))] + [
            StepChange("insert", None, j) for j in range(len(b))
        ]
    like = _likeness(a, b)
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            both = like[i][j] + best[i + 1][j + 1] if like[i][j] >= MIN_LIKENESS else -1.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    return _walk(a, b, like, best)


def _walk(a: Sequence[str], b: Sequence[str], like: list[list[float]], best: list[list[float]]) -> list[StepChange]:
    changes: list[StepChange] = []
    i = j = 0
    while i < len(a) or j < len(b):
        paired = i < len(a) and j < len(b) and like[i][j] >= MIN_LIKENESS
        if paired and best[i][j] == like[i][j] + best[i + 1][j + 1]:
            changes.append(StepChange("equal" if a[i] == b[j] else "change", i, j))
            i, j = i + 1, j + 1
        elif i < len(a) and (j == len(b) or best[i][j] == best[i + 1][j]):
            changes.append(StepChange("delete", i, None))
            i += 1
        else:
            changes.append(StepChange("insert", None, j))
            j += 1
    return changes


def _likeness(a: Sequence[str], b: Sequence[str]) -> list[list[float]]:
    from rapidfuzz.distance import Indel

    return [[Indel.normalized_similarity(x, y) for y in b] for x in a]
