"""N-best hypotheses beside each other: where the others disagree with the best one, word by word.

The share of the others that have something else in a place is a plain measure of its risk (confusion networks, Mangu et al.
2000, reduced to votes against one backbone).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.edits import Op, extract, word_diff

MOST = 10  # hypotheses
_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A word of the best hypothesis with the white space before it; ``against`` of ``of`` others have something else there."""

    text: str
    against: int
    of: int

    @property
    def share(self) -> float:
        return self.against / self.of if self.of else 0.0


def cells(best: str, others: Sequence[str]) -> list[Cell]:
    """The words of ``best``, which joined spell it; what others put in counts against the word after it, at the end before it."""
    spans = [match.span() for match in _WORD.finditer(best)]
    against = [0] * len(spans)
    for other in others[:MOST]:
        touched: set[int] = set()
        for edit in extract(best, other):
            end = max(edit.end, edit.start + 1)
            hit = [place for place, (low, high) in enumerate(spans) if low < end and edit.start < high]
            touched.update(hit or [len(spans) - 1])
        for place in touched:
            if 0 <= place < len(against):
                against[place] += 1
    of = len(others[:MOST])
    return [Cell(best[low:high], n, of) for (low, high), n in zip(spans, against, strict=True)]


def rows(best: str, others: Sequence[str]) -> list[tuple[str, list[tuple[Op, str]]]]:
    """Each other hypothesis with its difference to the best one, in their order."""
    return [(other, word_diff(best, other)) for other in others[:MOST]]
