"""A project's own sufficiency gate (paper 42): is a round of search enough for a right answer, or is it searched again?

As delivered a round is enough when a lesson of it may go into the prompt. A fitted gate is a logistic model on what the relevance gate
made of the round, learned from self-practice rows of the project: look-ups whose answer people judged. It comes into force only where
it tells right answers from wrong ones better than the delivered rule, on questions that it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.lessons.held_out import FOLDS, Chances, asked_once, cross_entropy, newton
from core.lessons.sufficiency import NEAR, Round

NAMES = ("best", "second", "accepted", "near")
RIDGE = 1.0
FEWEST, FEWEST_OF_A_KIND = 30, 8


@dataclass(frozen=True, slots=True)
class Practised:
    """The last round of a look-up, as features, and whether its answer was accepted. ``group``: the item."""

    features: tuple[float, ...]
    accepted: bool
    group: int
    ruled: bool  # what the delivered rule says: a lesson was accepted


@dataclass(frozen=True, slots=True)
class SufficiencyGate:
    """``weights`` in the order of ``NAMES``; a round is enough from ``enough_at`` on."""

    weights: tuple[float, ...]
    bias: float
    enough_at: float = 0.5

    def probability(self, features: Sequence[float]) -> float:
        """That an answer made of the round is right."""
        sum_ = self.bias + sum(w * x for w, x in zip(self.weights, features, strict=True))
        return float(1 / (1 + np.exp(-np.clip(sum_, -30, 30))))

    def is_enough(self, found: Round) -> bool:
        hits = [(hit.chance, hit.accepted) for hit in found.hits]
        return self.probability(features_of(hits)) >= self.enough_at

    def state(self) -> dict[str, Any]:
        return {"names": list(NAMES), "weights": list(self.weights), "bias": self.bias, "enough_at": self.enough_at}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SufficiencyGate:
        """Raises ``ValueError`` for a state of other features."""
        if list(state.get("names", ())) != list(NAMES) or len(state["weights"]) != len(NAMES):
            raise ValueError("this gate was fitted on other features: fit it again")
        return cls(tuple(map(float, state["weights"])), float(state["bias"]), float(state["enough_at"]))


def features_of(hits: Sequence[tuple[float, bool]]) -> tuple[float, ...]:
    """Of (chance, accepted) of a round: the two best chances, the shares of three lessons that are accepted, and that are near."""
    chances = [*sorted((chance for chance, _ in hits), reverse=True), 0.0, 0.0]
    accepted, near = sum(yes for _, yes in hits), sum(chance >= NEAR for chance, _ in hits)
    return chances[0], chances[1], min(accepted, 3) / 3, min(near, 3) / 3


def enough(right: int, wrong: int) -> bool:
    """Whether there are judged look-ups to learn from, in all and of each kind."""
    return right + wrong >= FEWEST and min(right, wrong) >= FEWEST_OF_A_KIND


def balanced_accuracy(said: Sequence[tuple[bool, bool]]) -> float:
    """Of (accepted, right): the mean of the shares of right and of wrong ones that are told apart; .5 where one kind is missing."""
    shares = []
    for kind in (True, False):
        here = [bool(accepted) is kind for accepted, true in said if bool(true) is kind]
        shares.append(sum(here) / len(here) if here else 0.5)
    return sum(shares) / 2


def best_balanced(chances: Chances) -> float:
    """The threshold with the highest balanced accuracy; of equals the nearest to one half."""
    tried = [0.5, *sorted({chance for chance, _ in chances})]

    def worth(threshold: float) -> tuple[float, float]:
        return balanced_accuracy([(chance >= threshold, true) for chance, true in chances]), -abs(threshold - 0.5)

    return max(tried, key=worth)


def fitted(rows: Sequence[Practised]) -> SufficiencyGate | None:
    """``None`` where all answers are right, or all wrong."""
    y = np.array([float(row.accepted) for row in rows])
    if not 0 < y.sum() < len(y):
        return None
    x = np.array([[1.0, *row.features] for row in rows])
    found = newton(x, y, np.zeros(len(y)), np.zeros(x.shape[1]), RIDGE, np.ones(len(y)))
    return SufficiencyGate(tuple(map(float, found[1:])), float(found[0]))


def practised(rows: Sequence[Practised]) -> tuple[SufficiencyGate | None, dict[str, Any]]:
    """A gate, and its figures beside the delivered rule's; ``better`` says whether it may come into force."""
    right = sum(row.accepted for row in rows)
    figures: dict[str, Any] = {"rows": len(rows), "right": right, "better": False}
    if not enough(right, len(rows) - right):
        return None, figures
    said, by_fold = asked_once(
        rows,
        group=lambda row: row.group,
        judges=lambda _: True,
        right=lambda row: row.accepted,
        fit=fitted,
        ask=lambda gate, row: gate.probability(row.features),
        choose=best_balanced,
    )
    gate, chances = fitted(rows), [pair for fold in by_fold.values() for pair in fold]
    if gate is None or not chances:
        return None, figures
    gate = SufficiencyGate(gate.weights, gate.bias, best_balanced(chances))
    figures["default"] = _figures([(row.ruled, row.accepted) for row in rows if row.group % FOLDS in by_fold])
    figures["own"] = {**_figures(said), "loss": round(cross_entropy(chances), 4)}
    figures |= {"held_out": len(said), "enough_at": round(gate.enough_at, 3)}
    figures["better"] = figures["own"]["balanced_accuracy"] > figures["default"]["balanced_accuracy"]
    return gate, figures


def _figures(said: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """Balanced accuracy, and precision: how many of the rounds that were called enough had a right answer."""
    called = [true for accepted, true in said if accepted]
    precision = round(sum(called) / len(called), 4) if called else None
    return {"balanced_accuracy": round(balanced_accuracy(said), 4), "precision": precision, "called": len(called)}
