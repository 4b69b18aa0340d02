"""Out-of-fold verdicts of the step head on labelled solutions: no question (or task) is in training and test at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from core.critics import step_features, step_head, step_head_lm
from core.critics.step_head import Example, HeadState, fold_of, trained, verdicts
from core.generators.base import Reader
from core.types import Critique

FOLDS = 5
_WORD = re.compile(r"[a-z0-9]+")


class Labelled(Protocol):
    """What ``core.evaluation.steps.StepRow`` has of use here."""

    @property
    def problem(self) -> str: ...
    @property
    def steps(self) -> tuple[str, ...]: ...
    @property
    def first_error(self) -> int | None: ...
    @property
    def group(self) -> str: ...


def examples(rows: Sequence[Labelled], reader: Reader | None = None) -> list[Example]:
    """Rows whose first wrong step is not known have -2, and are never trained on. With ``reader``, features of ``step_head_lm``."""
    pairs = [(row.problem, row.steps) for row in rows]
    found = step_head_lm.rows(reader, pairs) if reader else [step_features.rows(*pair) for pair in pairs]
    return [
        Example(x, -2 if row.first_error is None else row.first_error, key(row.group or row.problem))
        for x, row in zip(found, rows, strict=True)
    ]


def key(text: str) -> str:
    """Questions that differ in white space, marks or capitals alone are the same."""
    return " ".join(_WORD.findall(text.lower()))


def cross_validated(
    rows: Sequence[Labelled],
    train: Sequence[Labelled],
    *,
    start: HeadState | None = None,
    reader: Reader | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> list[list[Critique]]:
    """Per row what a head says that saw neither it nor another row of its group or problem; with ``reader`` that of ``step_head_lm``.

    Without ``train`` the head starts from the bundled one; with it, from nothing. Where a fold leaves too little to learn from, the
    start itself speaks.
    """
    name, names, bundled = (
        ("step_head_lm", step_head_lm.NAMES, step_head_lm.bundled)
        if reader
        else ("step_head", step_features.NAMES, step_head.bundled)
    )
    made, further = examples(rows, reader), examples(train, reader)
    place = fold_of([example.group for example in made], FOLDS, seed)
    start = start or (None if train else bundled())
    found: list[list[Critique]] = [[] for _ in rows]
    for k in sorted(set(place)):
        mine = [i for i, fold in enumerate(place) if fold == k]
        asked = {key(rows[i].problem) for i in mine}
        known = [e for e, fold in zip(made, place, strict=True) if fold != k]
        known = [e for e in known if e.first_error != -2]
        more = [e for e, row in zip(further, train, strict=True) if key(row.problem) not in asked]
        more = [e for e in more if e.first_error != -2]
        both = [e.first_error >= 0 for e in (*known, *more)]
        state = (
            trained(known, start, further=more, seed=seed, names=names)
            if any(both) and not all(both)
            else start or bundled()
        )
        for i in mine:
            found[i] = verdicts(rows[i].problem, rows[i].steps, state.hazards(made[i].rows), state.margin, name)
        say(f"{name}: fold {k + 1}, {len(known) + len(more):,} solutions to learn from, {len(mine):,} judged")
    return found
