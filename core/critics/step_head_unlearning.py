"""A project's step head after labels were taken back: retrained without them, and dampened (SSD, paper 29), each beside it.

Retraining is exact for what is flagged and no more: what is just as wrong and was not flagged stays in it. Dampening makes the weights
smaller that mattered to the flagged labels. Its alpha is chosen on folds that each head has not seen, by what it keeps right there less
how often it still repeats a label that was taken back; right labels of the affected answers have no part in the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.critics.step_head import Example, HeadState, batch_gradient
from core.critics.step_head_retraining import FOLDS, Heads, Label, examples, figures, first_wrong, fold, retrained
from core.recipes import REGISTRY
from core.recipes.base import Importance
from core.recipes.ssd import importance
from core.recipes.unlearning import MOST_LOST, judged

BATCH = 8  # solutions whose mean loss has one gradient
RETRAIN, SSD = "retrain", "ssd"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Heads that may take the place of those in force, with the figures that a person decides by."""

    method: str
    heads: Heads
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Case:
    """Solutions with the labels that stand, those with labels that were taken back, and the right labels of the latter."""

    kept: list[Example]
    flagged: list[Example]
    right: list[Example]

    @classmethod
    def of(cls, kept: Sequence[Label], flagged: Sequence[Label]) -> _Case:
        known = {(one.problem, one.steps): one for one in kept}
        gone = {(one.problem, one.steps) for one in flagged}
        right = [known[key] for one in flagged if (key := (one.problem, one.steps)) in known]
        return cls(
            examples([one for one in kept if (one.problem, one.steps) not in gone]), examples(flagged), examples(right)
        )


def candidates(
    kept: Sequence[Label],
    flagged: Sequence[Label],
    before: Heads,
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> list[Candidate]:
    """Both candidates, or the dampened one alone where too few labels are left to train on. ``ValueError`` without a flagged label.

    ``kept`` stand, ``flagged`` were taken back. Figures: ``corrected`` (``seen``: what the head says of the affected answers;
    ``unseen``: what heads say that were not trained on them; ``n``), ``repeats`` (share of the withdrawn labels that it still gives),
    ``retained`` (accuracy on the others, unseen), each before and after, ``judged``, and ``before`` and ``after`` as of a training.
    """
    if not flagged:
        raise ValueError("nothing that was taken back has taught the step head")
    case = _Case.of(kept, flagged)
    found: list[tuple[str, Heads, dict[str, float]]] = []
    say("dampening")
    heads, options = dampened(case, before)
    found.append((SSD, heads, options))
    try:
        found.append((RETRAIN, retrained(kept, before, seed=seed, say=say)[0], {}))
    except ValueError:
        say("too few labels are left to train on")
    return [
        Candidate(method, heads, _figures(case, before, heads) | {"options": options})
        for method, heads, options in found
    ]


def dampened(case: _Case, before: Heads) -> tuple[Heads, dict[str, float]]:
    """Every head of a version with the same alpha and lambda; without options where leaving it alone is best."""
    heads = [*before.folds, before.head]
    sizes = len(before.head.weights)
    parts = [_importance(case, head, k if k < FOLDS else None) for k, head in enumerate(heads)]
    found = Importance(np.concatenate([p.kept for p in parts]), np.concatenate([p.flagged for p in parts]))
    floor = _accuracy(before, case.kept) - MOST_LOST

    def rebuilt(weights: NDArray[np.float64]) -> Heads:
        cut = [replace(head, weights=weights[k * sizes : (k + 1) * sizes]) for k, head in enumerate(heads)]
        return Heads(cut[-1], tuple(cut[:-1]))

    def score(weights: NDArray[np.float64]) -> float:
        made = rebuilt(weights)
        kept = _accuracy(made, case.kept)
        return kept - _accuracy(made, case.flagged) if kept >= floor else -np.inf

    settled = REGISTRY.make(SSD).settle(np.concatenate([head.weights for head in heads]), found, score)
    return rebuilt(settled.weights), settled.options


def _importance(case: _Case, head: HeadState, without: int | None) -> Importance:
    def squares(rows: Sequence[Example]) -> NDArray[np.float64]:
        mine = [one for one in rows if without is None or fold(one.group) != without]
        return (
            importance(batch_gradient(head, batch) for batch in _batches(mine)) if mine else np.zeros_like(head.weights)
        )

    return Importance(squares(case.kept), squares(case.flagged))


def _batches(rows: Sequence[Example]) -> Iterator[Sequence[Example]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _accuracy(heads: Heads, rows: Sequence[Example]) -> float:
    """Of labels that each fold's own head gives, which has not seen that fold; 0 for no rows."""
    return float(np.mean([first_wrong(heads.folds[fold(e.group)], e) == e.first_error for e in rows])) if rows else 0.0


def _seen(heads: Heads, rows: Sequence[Example]) -> float | None:
    return float(np.mean([first_wrong(heads.head, e) == e.first_error for e in rows])) if rows else None


def _figures(case: _Case, before: Heads, after: Heads) -> dict[str, Any]:
    sides = {"before": before, "after": after}
    places = [fold(e.group) for e in case.kept]
    corrected = {
        side: {"seen": _seen(heads, case.right), "unseen": _accuracy(heads, case.right) if case.right else None}
        for side, heads in sides.items()
    }
    retained = {side: _accuracy(heads, case.kept) for side, heads in sides.items()}
    return {
        **{side: figures(case.kept, places, heads) for side, heads in sides.items()},
        "corrected": {**corrected, "n": len(case.right), "flagged": len(case.flagged)},
        "repeats": {side: _seen(heads, case.flagged) for side, heads in sides.items()},
        "retained": {**retained, "n": len(case.kept)},
        "judged": judged(
            corrected_before=corrected["before"]["seen"],
            corrected_after=corrected["after"]["seen"],
            retained_before=retained["before"],
            retained_after=retained["after"],
        ),
    }
