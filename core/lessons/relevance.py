"""The relevance gate: does this lesson belong to this prompt, yes or no (ReSeek, paper 26)? No lesson is better than a bad one.

The paper trains a model to judge what it retrieved, with a wrong accept costing twice a wrong reject. Here a logistic model on five
features gives the probability that a lesson belongs, and it is accepted from ``ACCEPT_AT`` on, where both costs meet. The votes of
people on the lesson itself move its log-odds as a Beta prior does. The default coefficients were fitted on written examples of this
repository (``python -m tests.benchmarks.quality_retrieval --fit``); a project with enough votes gets its own, with a threshold chosen
on votes that its coefficients have not seen, and only where it is no worse on votes that neither has seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from core.lessons.held_out import FOLDS, asked_once, cross_entropy, newton

ACCEPT_AT = 2 / 3  # a wrong accept costs 2, a wrong reject 1
WRONG_ACCEPT, WRONG_REJECT = 2.0, 1.0  # what each costs
FEWEST_VOTES, FEWEST_OF_A_KIND = 30, 8  # from which a project's own coefficients are fitted
NAMES = ("cosine", "bare", "words", "link", "shared")
PRIOR_USED, PRIOR_NOT_RELEVANT = 4.0, 1.0  # a lesson is thought relevant until several people disagree
STRENGTH = 0.1  # of the ridge that holds coefficients back
RETAINED = 0.3  # of the ridge that holds a project's own to the defaults: thirty votes move them, hundreds decide


@dataclass(frozen=True, slots=True)
class Features:
    """Of one lesson for one prompt: cosine of the prompt with its applicability, and without the terms that the prompt sets apart, or
    with the nearest item on which it was of use where that is higher; the share of the query's words that it has; the score of its
    links; people's votes on it."""

    cosine: float
    bare: float
    words: float
    link: float = 0.0
    used: int = 0
    not_relevant: int = 0

    def row(self) -> list[float]:
        """In the order of ``NAMES``; the last is words and cosine together."""
        return [self.cosine, self.bare, self.words, self.link, self.words * max(self.bare, 0.0)]

    @property
    def said(self) -> float:
        """What people's votes add to the log-odds; 0 without any, and never above what a new lesson has."""
        odds = (PRIOR_USED + self.used) / (PRIOR_NOT_RELEVANT + self.not_relevant)
        return min(0.0, math.log(odds / (PRIOR_USED / PRIOR_NOT_RELEVANT)))


Pair = tuple[Features, bool]  # a lesson for a prompt, and whether it belongs


@dataclass(frozen=True, slots=True)
class Known:
    """A lesson for a prompt of which something is known. ``group``: what stands or falls together, such as an item.

    ``voted``: people said so; what only came of the answer has a ``weight`` below 1 and judges no gate.
    """

    features: Features
    belongs: bool
    group: int
    weight: float = 1.0
    voted: bool = True


@dataclass(frozen=True, slots=True)
class Gate:
    """``weights`` in the order of ``NAMES``; ``accept_at`` is the probability from which a lesson is accepted."""

    weights: tuple[float, ...]
    bias: float
    accept_at: float = ACCEPT_AT

    def probability(self, features: Features) -> float:
        """That the lesson belongs to the prompt."""
        sum_ = sum(w * x for w, x in zip(self.weights, features.row(), strict=True))
        return _sigmoid(self.bias + sum_ + features.said)

    def state(self) -> dict[str, Any]:
        return {
            "names": list(NAMES),
            "weights": list(self.weights),
            "bias": self.bias,
            "accept_at": self.accept_at,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Gate:
        """Raises ``ValueError`` for a state of other features."""
        if list(state.get("names", ())) != list(NAMES) or len(state["weights"]) != len(NAMES):
            raise ValueError("this gate was fitted on other features: fit it again")
        return cls(tuple(map(float, state["weights"])), float(state["bias"]), float(state.get("accept_at", ACCEPT_AT)))


DEFAULT = Gate((13.0, 13.0, 2.98, 7.02, -0.36), -9.39)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def enough(belong: int, do_not: int) -> bool:
    """Whether there are votes to learn from, in all and of each kind."""
    return belong + do_not >= FEWEST_VOTES and min(belong, do_not) >= FEWEST_OF_A_KIND


def fit(pairs: Sequence[Pair], start: Gate | None = None, weights: Sequence[float] | None = None) -> Gate:
    """Coefficients by ridge-penalised maximum likelihood (Newton's method); held to those of ``start`` where it is given.

    ``weights``: how much each pair counts, 1 where they are not given. Both answers must be among the pairs, else ``ValueError``.
    """
    x = np.array([[1.0, *features.row()] for features, _ in pairs])
    y = np.array([float(belongs) for _, belongs in pairs])
    if not 0 < y.sum() < len(y):
        raise ValueError("a gate is fitted on lessons that belong and on lessons that do not")
    offset = np.array([features.said for features, _ in pairs])
    counts = np.ones(len(y)) if weights is None else np.array(weights)
    centre = np.zeros(x.shape[1]) if start is None else np.array([start.bias, *start.weights])
    strength = STRENGTH if start is None else RETAINED
    found = newton(x, y, offset, centre, strength, counts)
    return Gate(tuple(float(w) for w in found[1:]), float(found[0]))


def mistakes(said: Iterable[tuple[bool, bool]]) -> dict[str, int]:
    """Wrong accepts and wrong rejects of (accepted, belongs)."""
    kept = list(said)
    return {
        "wrong_accepts": sum(accepted and not belongs for accepted, belongs in kept),
        "wrong_rejects": sum(belongs and not accepted for accepted, belongs in kept),
    }


def cost_of(found: Mapping[str, int]) -> float:
    return WRONG_ACCEPT * found["wrong_accepts"] + WRONG_REJECT * found["wrong_rejects"]


def cheapest(chances: Sequence[tuple[float, bool]]) -> float:
    """The threshold on (chance, belongs) that costs least; of equals the one nearest to ``ACCEPT_AT``."""
    seen = sorted({chance for chance, _ in chances})
    between = [(low + high) / 2 for low, high in pairwise(seen)]
    tried = [ACCEPT_AT, *between, *([seen[0] / 2, (1 + seen[-1]) / 2] if seen else [])]

    def costs(threshold: float) -> tuple[float, float]:
        found = mistakes((chance >= threshold, belongs) for chance, belongs in chances)
        return cost_of(found), abs(threshold - ACCEPT_AT)

    return min(tried, key=costs)


def refitted(known: Sequence[Known]) -> tuple[Gate, dict[str, Any]]:
    """A project's own gate, and its figures beside the default's; ``better`` says whether it may come into force.

    Groups are dealt to ``FOLDS``. Each fold is asked once, of a gate that was fitted on three others, with a threshold from the fourth:
    what is compared was seen by neither. The gate itself is fitted on all, its threshold chosen on what gates of other folds say.
    """
    voted = [one for one in known if one.voted]
    figures: dict[str, Any] = {
        "votes": len(voted),
        "used": sum(one.belongs for one in voted),
        "outcomes": len(known) - len(voted),
        "better": False,
    }
    if not enough(figures["used"], len(voted) - figures["used"]):
        return DEFAULT, figures
    own, own_chances = asked_once(
        known,
        group=lambda one: one.group,
        judges=lambda one: one.voted,
        right=lambda one: one.belongs,
        fit=_fitted,
        ask=lambda gate, one: gate.probability(one.features),
        choose=cheapest,
    )
    default = [(DEFAULT.probability(one.features), one.belongs) for one in voted if one.group % FOLDS in own_chances]
    if not default:
        return DEFAULT, figures
    before = mistakes((chance >= DEFAULT.accept_at, belongs) for chance, belongs in default)
    after = mistakes(own)
    losses = cross_entropy(default), cross_entropy([pair for fold in own_chances.values() for pair in fold])
    figures["default"] = {**before, "cost": cost_of(before), "loss": round(losses[0], 4)}
    figures["own"] = {**after, "cost": cost_of(after), "loss": round(losses[1], 4)}
    figures["held_out"] = len(default)
    figures["better"] = cost_of(after) <= cost_of(before) and losses[1] < losses[0]
    made = _fitted(known)
    found = (
        replace(made, accept_at=cheapest([pair for fold in own_chances.values() for pair in fold])) if made else DEFAULT
    )
    figures["accept_at"] = round(found.accept_at, 3)
    return found, figures


def _fitted(known: Sequence[Known]) -> Gate | None:
    """``None`` where only one answer is among them."""
    pairs = [(one.features, one.belongs) for one in known]
    if not 0 < sum(belongs for _, belongs in pairs) < len(pairs):
        return None
    return fit(pairs, DEFAULT, [one.weight for one in known])
