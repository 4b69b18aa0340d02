"""How well proposed edits agree with those of people: precision, recall and F0.5 over spans (paper 13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.edits.spans import Edit


@dataclass(frozen=True, slots=True)
class EditScore:
    """Edits with equal span and replacement (``right``), proposed alone (``extra``) and wanted alone (``missed``)."""

    right: int
    extra: int
    missed: int
    over_edited: int = 0  # texts that needed nothing and got edits
    untouched: int = 0  # texts that needed nothing

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.extra) if self.right + self.extra else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f_half(self) -> float:
        """F0.5, which weighs precision twice as much as recall."""
        top = 1.25 * self.precision * self.recall
        return top / (0.25 * self.precision + self.recall) if top else 0.0

    @property
    def over_edit_rate(self) -> float | None:
        """Share of texts without an error that were edited; ``None`` where there was no such text."""
        return self.over_edited / self.untouched if self.untouched else None


def score(pairs: Iterable[tuple[Sequence[Edit], Sequence[Edit]]]) -> EditScore:
    """Counts over (proposed, reference) edits of the same sources."""
    right = extra = missed = over = untouched = 0
    for proposed, reference in pairs:
        got, wanted = ({(e.start, e.end, e.replacement) for e in edits} for edits in (proposed, reference))
        right, extra, missed = right + len(got & wanted), extra + len(got - wanted), missed + len(wanted - got)
        untouched += not wanted
        over += not wanted and bool(got)
    return EditScore(right, extra, missed, over, untouched)
