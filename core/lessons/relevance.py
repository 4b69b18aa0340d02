"""The relevance gate: does this lesson belong to this prompt, yes or no (ReSeek, paper 26)? No lesson is better than a bad one.

The paper trains a model to judge what it retrieved, with a wrong accept costing twice a wrong reject. Here a logistic model on five
features gives the probability that a lesson belongs, and it is accepted from ``ACCEPT_AT`` on, where both costs meet. The votes of
people on the lesson itself move its log-odds as a Beta prior does. The default coefficients were fitted on written examples of this
repository (``python -m tests.benchmarks.quality_retrieval --fit``); a project with enough votes gets its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACCEPT_AT = 2 / 3  # a wrong accept costs 2, a wrong reject 1
FEWEST_VOTES = 30  # of both kinds, from which a project's own coefficients are fitted
NAMES = ("cosine", "bare", "words", "link", "shared")
PRIOR_USED, PRIOR_NOT_RELEVANT = 4.0, 1.0  # a lesson is thought relevant until several people disagree
STRENGTH = 0.1  # of the ridge that holds coefficients back
RETAINED = 0.1  # how strongly a project's own are held to the defaults, per vote


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


@dataclass(frozen=True, slots=True)
class Gate:
    """``weights`` in the order of ``NAMES``."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, features: Features) -> float:
        """That the lesson belongs to the prompt."""
        sum_ = sum(w * x for w, x in zip(self.weights, features.row(), strict=True))
        return _sigmoid(self.bias + sum_ + features.said)

    def state(self) -> dict[str, Any]:
        return {"names": list(NAMES), "weights": list(self.weights), "bias": self.bias}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Gate:
        """Raises ``ValueError`` for a state of other features."""
        if list(state.get("names", ())) != list(NAMES) or len(state["weights"]) != len(NAMES):
            raise ValueError("this gate was fitted on other features: fit it again")
        return cls(tuple(map(float, state["weights"])), float(state["bias"]))


DEFAULT = Gate((13.0, 13.0, 2.98, 7.02, -0.36), -9.39)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def fit(pairs: Sequence[tuple[Features, bool]], start: Gate | None = None) -> Gate:
    """Coefficients by ridge-penalised maximum likelihood (Newton's method); held to those of ``start`` where it is given.

    Both answers must be among the pairs, else ``ValueError``.
    """
    x = np.array([[1.0, *features.row()] for features, _ in pairs])
    y = np.array([float(belongs) for _, belongs in pairs])
    if not 0 < y.sum() < len(y):
        raise ValueError("a gate is fitted on lessons that belong and on lessons that do not")
    offset = np.array([features.said for features, _ in pairs])
    centre = np.zeros(x.shape[1]) if start is None else np.array([start.bias, *start.weights])
    strength = STRENGTH if start is None else RETAINED * len(y)
    found = _newton(x, y, offset, centre, strength)
    return Gate(tuple(float(w) for w in found[1:]), float(found[0]))


def _newton(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    offset: NDArray[np.float64],
    centre: NDArray[np.float64],
    strength: float,
) -> NDArray[np.float64]:
    held = np.full(x.shape[1], strength)
    held[0] = min(strength, 1e-3)  # the level is free
    beta = centre.copy()
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -30, 30)))
        slope = x.T @ (p - y) + held * (beta - centre)
        curve = (x * (p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(held)
        step = np.linalg.solve(curve, slope)
        beta = beta - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return beta


def cross_entropy(gate: Gate, pairs: Sequence[tuple[Features, bool]]) -> float:
    """Mean loss in nats."""
    chances = [(min(max(gate.probability(features), 1e-9), 1 - 1e-9), belongs) for features, belongs in pairs]
    return -sum(math.log(p if belongs else 1 - p) for p, belongs in chances) / len(chances)


def refitted(
    pairs: Sequence[tuple[Features, bool]], groups: Sequence[int], folds: int = 5
) -> tuple[Gate, dict[str, Any]]:
    """A project's own gate from what people voted, and its figures; the default one stays where it predicts held-out votes better.

    ``groups``: whose votes stand or fall together, such as those on one item.
    """
    own = [(gate, fold) for fold in range(folds) if (gate := _of_others(pairs, groups, fold, folds)) is not None]
    held = [(gate, pairs[i]) for gate, fold in own for i in range(len(pairs)) if groups[i] % folds == fold]
    figures: dict[str, Any] = {"votes": len(pairs), "used": sum(belongs for _, belongs in pairs)}
    if not held:
        return DEFAULT, {**figures, "own": False}
    before = cross_entropy(DEFAULT, [pair for _, pair in held])
    after = sum(cross_entropy(gate, [pair]) for gate, pair in held) / len(held)
    figures |= {"default_loss": round(before, 4), "own_loss": round(after, 4), "own": after < before}
    return (fit(pairs, DEFAULT) if after < before else DEFAULT), figures


def _of_others(pairs: Sequence[tuple[Features, bool]], groups: Sequence[int], fold: int, folds: int) -> Gate | None:
    rest = [pair for pair, group in zip(pairs, groups, strict=True) if group % folds != fold]
    return fit(rest, DEFAULT) if 0 < sum(belongs for _, belongs in rest) < len(rest) else None
