"""Self-practice (SIM-RAG, paper 42): rows that teach a sufficiency gate, from questions that were answered and judged.

A row is one turn: what the model was given, its answer and its reason, and whether the answer was right. Rejects are drawn down to the
number of accepts, and the rows are split by question, so that the turns of one question stay together. The paper's rows come from a
model that answers training questions without stopping; a project's own come from its resolved items (``store.self_practice``).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

COLUMNS = (
    "ID",
    "Turn",
    "Reasoner Task Content",
    "Reasoner Answer",
    "Reasoner Rationale",
    "Gold Answer",
    "Gate Verdict",
)
GENERATED = "Verdict"  # the last column of rows that are not balanced and split yet
HELD_OUT = 0.2  # of the questions
MAX_BYTES = 50_000_000


class Judged(Protocol):
    @property
    def accepted(self) -> bool: ...


Row = TypeVar("Row", bound=Judged)


@dataclass(frozen=True, slots=True)
class Turn:
    """``question``: the id of what was asked; ``turn`` from 0; ``context`` is what the model was given; ``gold`` is only carried."""

    question: str
    turn: int
    context: str
    answer: str
    rationale: str
    accepted: bool
    gold: str = ""

    def row(self) -> dict[str, str]:
        """In the shape of the published files."""
        said = (self.question, str(self.turn), self.context, self.answer, self.rationale, self.gold)
        return dict(zip(COLUMNS, (*said, str(int(self.accepted))), strict=True))

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Turn:
        """Raises ``ValueError`` for a column that is missing or a verdict that is neither 0 nor 1."""
        verdict = row.get(COLUMNS[-1], row.get(GENERATED))
        missing = [name for name in COLUMNS[:-1] if row.get(name) is None]
        if missing or verdict not in ("0", "1"):
            raise ValueError(
                f"a row has {', '.join(COLUMNS)}; {', '.join(missing) or 'the verdict'} is missing or wrong"
            )
        id_, turn, context, answer, rationale, gold = (row[name] for name in COLUMNS[:-1])
        return cls(id_, int(turn), context, answer, rationale, verdict == "1", gold)


def read(path: Path) -> list[Turn]:
    """A CSV with the columns of ``COLUMNS``. Raises ``ValueError`` that says what is wrong."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_BYTES:,} bytes")
    with path.open(encoding="utf-8", newline="") as lines:
        return [Turn.of(row) for row in csv.DictReader(lines)]


def balanced(turns: Sequence[Row], seed: int = 0) -> list[Row]:
    """As many rejects as accepts, in the order that they had; where accepts are more, those are drawn."""
    kinds = [[place for place, one in enumerate(turns) if one.accepted is accepted] for accepted in (True, False)]
    fewest = min(map(len, kinds))
    draw = Random(seed)
    kept = sorted(place for places in kinds for place in draw.sample(places, fewest))
    return [turns[place] for place in kept]


def split(turns: Iterable[Turn], share: float = HELD_OUT) -> tuple[list[Turn], list[Turn]]:
    """To learn from, and held out: by a hash of the question's id, the same for a question whenever it is asked."""
    parts: tuple[list[Turn], list[Turn]] = ([], [])
    for one in turns:
        digest = hashlib.blake2b(one.question.encode(), digest_size=8).digest()
        parts[int.from_bytes(digest) < share * 2**64].append(one)
    return parts


def build(turns: Sequence[Turn], seed: int = 0) -> tuple[list[Turn], list[Turn]]:
    """Balanced rows, to learn from and held out."""
    return split(balanced(turns, seed))
