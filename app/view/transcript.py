"""A transcript on the review page: its N best hypotheses, names of the memory that sound like parts of it, and what the memory
would write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.view.languages import N_, _, of_error
from app.view.review_steps import percent
from core import nbest
from core.edits import Op
from core.lessons.entity_corrector import Corrected
from core.lessons.hearing import Heard

PARTS = {"grams": N_("letters"), "spelt": N_("spelling"), "sounds": N_("sound"), "meaning": N_("meaning")}
TYPES = {
    "name": N_("name"),
    "number": N_("number"),
    "compound": N_("compound"),
    "spelling": N_("spelling"),
    "word": N_("word"),
}


@dataclass(frozen=True, slots=True)
class CellView:
    """A word of the best hypothesis; ``space`` is the white space before it."""

    space: str
    text: str
    level: str  # "", low, middle, high: the colour
    says: str


@dataclass(frozen=True, slots=True)
class HypothesisView:
    """One that is not the best, with its place from 1, and how often it stands among the hypotheses."""

    number: int
    times: int
    text: str
    pieces: tuple[tuple[Op, str], ...]


@dataclass(frozen=True, slots=True)
class NameView:
    """One click puts ``right`` in the place of ``text[start:end]``, which is ``span``."""

    right: str
    span: str
    start: int
    percent: int
    parts: tuple[tuple[str, int], ...]
    type: str
    count: int
    disputed: bool
    lesson_id: int


@dataclass(frozen=True, slots=True)
class TranscriptView:
    """``suggestion`` is the answer as the memory would put it right, or empty; ``why`` what speaks for each of its changes."""

    hypotheses: int
    cells: tuple[CellView, ...]
    others: tuple[HypothesisView, ...]
    names: tuple[NameView, ...]
    suggestion: str = ""
    why: tuple[str, ...] = ()


def transcript_view(hypotheses: Sequence[str], names: Sequence[Heard], corrected: Corrected) -> TranscriptView:
    best, others = (hypotheses[0], hypotheses[1:]) if hypotheses else ("", [])
    return TranscriptView(
        len(hypotheses),
        tuple(_cell(cell) for cell in nbest.cells(best, others)),
        tuple(
            HypothesisView(hypotheses.index(text) + 1, others.count(text), text, tuple(pieces))
            for text, pieces in nbest.rows(best, [text for text in dict.fromkeys(others) if text != best])
        ),
        tuple(_name(one) for one in names),
        corrected.text if corrected.changes else "",
        tuple(
            _("“{wrong}” to “{right}”: {why}").format(
                wrong=one.entity.wrong, right=one.entity.right, why=of_error(one.why)
            )
            for one in corrected.changes
        ),
    )


def _cell(cell: nbest.Cell) -> CellView:
    text = cell.text.lstrip()
    space = cell.text[: len(cell.text) - len(text)]
    if not cell.against:
        return CellView(space, text, "", "")
    level = "high" if cell.share >= 0.5 else "middle" if cell.share > 0.25 else "low"
    says = _("{n} of {all} others have something else here").format(n=cell.against, all=cell.of)
    return CellView(space, text, level, says)


def _name(one: Heard) -> NameView:
    near = one.near
    return NameView(
        near.entity.right,
        near.span,
        one.start,
        percent(near.score),
        tuple((_(PARTS[name]), percent(value)) for name, value in near.parts.items()),
        _(TYPES[near.entity.type]),
        near.entity.count,
        one.disputed,
        near.entity.id,
    )
