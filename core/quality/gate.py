"""The gate of an export (InstructMining, paper 37; Guiding Through Complexity, paper 7): which rows go in, why the others do not.

In this order: the author's steps are too often wrong, the evaluation set holds it, a better row says the same, and beyond the best k.
What was decided follows from the rows alone: the same rows and options give the same choice, ties going to the lower id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.quality import rule as rules
from core.quality.duplicates import near, same_text
from core.quality.indicators import BY_NAME, Floats, Vectors

WRONG_STEPS = "its author's steps are wrong more often than allowed"
NOT_AUDITED = "its author's steps were not audited"
LEAK = "the evaluation set holds it"
SAME = "another row says the same"
NEAR_SAME = "a near-duplicate of another row"
BEYOND = "beyond the best that are kept"


@dataclass(frozen=True, slots=True)
class Gate:
    """``rule`` ranks rows (``core.quality.rule``; empty: by id), ``keep`` are the best that stay, ``near_duplicates`` the cosine from
    which two rows are one, ``held`` the hash of an evaluation set, ``max_step_error`` the highest share of wrong steps of an author.

    ``runs_to`` is the last training run that a fitted rule knows of, so that the same gate stays the same.
    """

    rule: str = rules.NO_RULE
    keep: int | None = None
    near_duplicates: float | None = None
    held: str = ""
    max_step_error: float | None = None
    runs_to: int | None = None

    def __post_init__(self) -> None:
        known = (rules.NO_RULE, rules.DEFAULT, rules.FITTED, *BY_NAME)
        if self.rule not in known:
            raise ValueError(f"there is no rule {self.rule!r}; there are: {', '.join(known[1:])}")
        if self.keep is not None and (not isinstance(self.keep, int) or isinstance(self.keep, bool) or self.keep < 1):
            raise ValueError("“keep” is a number of rows from 1 on")
        if self.keep is not None and not self.rule and self.max_step_error is None:
            raise ValueError("to keep the best rows, choose a rule that ranks them, or a highest share of wrong steps")
        for name, least in (("near_duplicates", 0.5), ("max_step_error", 0.0)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and least <= value <= 1):
                raise ValueError(f"“{name}” is a number from {least:g} to 1")

    @classmethod
    def of(cls, told: Mapping[str, Any] | None) -> Gate | None:
        """From the filters of an export; ``None`` where nothing is asked for. Raises ``ValueError``."""
        kept = {name: value for name, value in (told or {}).items() if value not in (None, "")}
        if unknown := set(kept) - set(cls.__slots__):
            raise ValueError(f"a gate has no {', '.join(sorted(unknown))}; only {', '.join(cls.__slots__)}")
        return cls(**kept) if kept else None

    def to_json(self) -> dict[str, Any]:
        """Without what has its default."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}

    @property
    def asks_models(self) -> bool:
        """Whether it needs what only models say of rows."""
        cheap = (rules.NO_RULE, "length", "mtld", "critic", "agreement", "step_error")
        near = self.near_duplicates is not None and self.near_duplicates < 1  # at 1 only the same text is one
        return self.rule not in cheap or near or bool(self.held)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an export: ids of their items, normalised texts of prompt and response (or hashes of them), indicators, and which leaked.

    ``vectors`` (m, d) are of the first of them where there are too many to compare all, or none where no model was asked.
    """

    items: Sequence[int]
    texts: Sequence[Hashable]
    columns: Mapping[str, Floats]
    leaked: NDArray[np.bool_]
    vectors: Vectors | None = None
    by_people: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))  # the text is a person's


@dataclass(frozen=True, slots=True)
class Mark:
    """What a row's ``corrigenda`` column says of the gate: its place, its score, and 1 minus its author's share of wrong steps."""

    rank: int
    score: float
    weight: float


@dataclass(frozen=True, slots=True)
class Choice:
    """``marks`` by item of what goes in; ``dropped`` counts the rest by why."""

    marks: Mapping[int, Mark]
    dropped: Mapping[str, int]
    scores: Floats
    order: Sequence[int]  # places of rows that reach the last test, best first
    kept: Sequence[int] = ()  # places of those that go in, best first


def choose(rows: Rows, gate: Gate, fitted: rules.FittedRule | None = None) -> Choice:
    """Raises ``ValueError`` where the rule is ``fitted`` and there is none."""
    score = rules.scores(gate.rule, rows.columns, fitted) if gate.rule else np.zeros(len(rows.items))
    why: list[str] = [""] * len(rows.items)
    errors = rows.columns["step_error"]
    if gate.max_step_error is not None:
        people = rows.by_people if len(rows.by_people) else np.zeros(len(errors), bool)
        for place, error in enumerate(errors):
            if not people[place] and not error <= gate.max_step_error:
                why[place] = NOT_AUDITED if math.isnan(error) else WRONG_STEPS
    for place in np.flatnonzero(rows.leaked).tolist():
        why[place] = why[place] or LEAK
    order = _ranked(rows, gate, score, why)
    if gate.near_duplicates is not None:
        for place in np.flatnonzero(same_text(rows.texts, order)).tolist():
            why[place] = why[place] or SAME
        order = [place for place in order if not why[place]]
        if rows.vectors is not None and gate.near_duplicates < 1:
            there = [place for place in order if place < len(rows.vectors)]
            for place in np.flatnonzero(near(rows.vectors, there, gate.near_duplicates)).tolist():
                why[place] = why[place] or NEAR_SAME
            order = [place for place in order if not why[place]]
    for place in order[gate.keep :] if gate.keep is not None else ():
        why[place] = BEYOND
    kept = [place for place in order if not why[place]]
    marks = {
        rows.items[place]: Mark(rank, _finite(score[place]), _weight(errors[place]))
        for rank, place in enumerate(kept, 1)
    }
    return Choice(marks, dict(Counter(one for one in why if one)), score, order, kept)


def _ranked(rows: Rows, gate: Gate, score: Floats, why: Sequence[str]) -> list[int]:
    """Best first: by the rule, else by the author's wrong steps where those are asked for, else as they are."""
    error = np.nan_to_num(rows.columns["step_error"], nan=0.0) if gate.max_step_error is not None else 0 * score
    if gate.rule:
        error = 0 * score
    places = [place for place in range(len(rows.items)) if not why[place]]
    return sorted(places, key=lambda place: (error[place], -score[place], rows.items[place]))


def _weight(error: float) -> float:
    return 1.0 if math.isnan(error) else round(1.0 - float(error), 6)


def _finite(score: float) -> float:
    """JSON has no infinity; a row of which the indicator is not known scores lowest."""
    return float(score) if math.isfinite(score) else -1e9


def means(columns: Mapping[str, Floats], places: Sequence[int]) -> dict[str, float]:
    """Means of the indicators over these rows, of those that are known of any: what a training run is recorded with."""
    rows = np.asarray(places, int)
    found = {name: column[rows] for name, column in columns.items()} if len(rows) else {}
    return {name: float(np.nanmean(some)) for name, some in found.items() if not np.isnan(some).all()}
