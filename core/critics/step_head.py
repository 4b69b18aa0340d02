"""A small trained head over each step in its context: how likely it is the first wrong one (SORM, paper 45; DeepCritic, paper 14).

A logistic hazard over ``step_features``: the chance that step k is wrong, given that those before it are right. What a solution gets is
the likeliest of "first wrong at k" and "none wrong", with a margin for "none" that is tuned on training solutions alone. The state is
JSON. Fitted weights are pulled towards a start, so that a few labels of people refine a head that was trained elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import metrics
from core.critics import step_features
from core.critics.base import REGISTRY, CriticInput
from core.error_suggestions import suggest
from core.types import Critique, StepLabel

Floats = NDArray[np.float64]
RIDGE = 30.0  # pull towards the start, in units of one solution's log-likelihood per squared weight
RIDGE_FRESH = (
    100.0  # pull towards zero where there is no start: the best of 30, 100 and 300 on mr_gsm8k, cross-validated
)
ROUNDS = 12  # of Newton's method
LEAP = 4.0
MARGINS = np.arange(-4.0, 4.01, 0.2)
BUNDLED = Path(__file__).with_name("step_head.json")
_TINY = 1e-4


@dataclass(frozen=True, slots=True)
class HeadState:
    """``mean`` and ``scale`` standardise the features; ``weights`` ends with the intercept; ``margin`` favours "none", in log-odds."""

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    margin: float

    def hazards(self, rows: Floats) -> Floats:
        """(steps,) for one solution's features (steps, features)."""
        return np.asarray(1 / (1 + np.exp(-_design(rows, self.mean, self.scale) @ self.weights)))

    def dump(self) -> str:
        values = {name: np.round(getattr(self, name), 6).tolist() for name in ("mean", "scale", "weights")}
        return json.dumps({"names": self.names, **values, "margin": round(self.margin, 6)})


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled solution: features (steps, features), and its first wrong step or -1. ``weight`` says how many it counts for."""

    rows: Floats
    first_error: int
    group: str = ""
    weight: float = 1.0


@REGISTRY.register("step_head")
class StepHeadCritic:
    name = "step_head"

    def __init__(self, state: HeadState | None = None) -> None:
        """``state`` is a project's own; without it the bundled one."""
        self._state = state

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        state = self._state or bundled()
        found = []
        for x in inputs:
            steps = [step.text for step in x.steps]
            hazards = state.hazards(step_features.rows(x.question.prompt, steps)) if steps else np.zeros(0)
            found.append(verdicts(x.question.prompt, steps, hazards, state.margin))
        return found


def verdicts(
    problem: str, steps: Sequence[str], hazards: Floats, margin: float, source: str = "step_head"
) -> list[Critique]:
    """Every step up to the first wrong one is judged; confidences are such that one half is where the head changes its mind."""
    if not len(hazards):
        return []
    first, odds = decide(hazards, margin)
    found = []
    for k in range(len(steps) if first < 0 else first + 1):
        label = StepLabel.WRONG if k == first else StepLabel.RIGHT
        sure = float(1 / (1 + np.exp(-abs(odds[k]))))
        kind = suggest(problem, steps, k) if k == first else None
        said = f"{'Looks like' if k == first else 'Does not look like'} the first wrong step ({hazards[k]:.0%} from its context)."
        found.append(Critique(k, source, label, said, max(0.5, sure), kind))
    return found


def decide(hazards: Floats, margin: float) -> tuple[int, Floats]:
    """(first wrong step or -1, log-odds per step of "first wrong here" against "none wrong")."""
    h = np.clip(hazards, _TINY, 1 - _TINY)
    fine = np.cumsum(np.log(1 - h))
    odds = np.log(h) + np.concatenate([[0.0], fine[:-1]]) - (fine[-1] + margin)
    best = int(odds.argmax())
    return (best if odds[best] > 0 else -1), odds


def fit(
    examples: Sequence[Example],
    start: HeadState | None = None,
    *,
    ridge: float | None = None,
    names: tuple[str, ...] = step_features.NAMES,
) -> HeadState:
    """Newton's method on the hazards of all steps up to the first wrong one; ``ValueError`` without examples of both kinds.

    ``start`` gives the standardisation and the weights towards which it pulls; without it, that of these rows and zeros.
    """
    faulty = sum(example.first_error >= 0 for example in examples)
    if not faulty or faulty == len(examples):
        raise ValueError("to learn, the head needs solutions with a wrong step and solutions without one")
    x, y, w = _stacked(examples)
    mean, scale = (start.mean, start.scale) if start else (x.mean(0), np.maximum(x.std(0), 1e-6))
    design = _design(x, mean, scale)
    centre = start.weights if start else np.append(np.zeros(x.shape[1]), log(y.mean() / (1 - y.mean())))
    pull = np.full(design.shape[1], ridge if ridge is not None else RIDGE if start else RIDGE_FRESH)
    pull[-1] = 1e-3
    weights = centre.copy()
    for _ in range(ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (w * (p - y)) + pull * (weights - centre)
        hessian = (design * (w * p * (1 - p) + 1e-6)[:, None]).T @ design + np.diag(pull)
        change = np.linalg.solve(hessian, gradient)
        # from few labels a full step can overshoot by thousands: no step's log-odds move by more than LEAP in one round
        weights = weights - change * min(1.0, LEAP / max(LEAP, float(np.abs(design @ change).max())))
    return HeadState(start.names if start else names, mean, scale, weights, start.margin if start else 0.0)


def batch_gradient(state: HeadState, batch: Sequence[Example]) -> Floats:
    """Of the mean negative log-likelihood of a batch of solutions by the weights, shape (features + 1,); without the pull."""
    x, y, w = _stacked(batch)
    design = _design(x, state.mean, state.scale)
    p = 1 / (1 + np.exp(-np.clip(design @ state.weights, -30, 30)))
    return np.asarray(design.T @ (w * (p - y)) / len(batch))


def tuned(state: HeadState, examples: Sequence[Example], hazards: Sequence[Floats]) -> HeadState:
    """The state with the margin of the best F1 on ``examples``, whose ``hazards`` came from heads that had not seen them."""
    labels = [example.first_error for example in examples]
    scores = [metrics.first_error(labels, [decide(h, m)[0] for h in hazards]).f1 for m in MARGINS]
    top = max(scores)
    good = [float(m) for m, score in zip(MARGINS, scores, strict=True) if score >= top - 0.01]
    return HeadState(state.names, state.mean, state.scale, state.weights, good[len(good) // 2])


def trained(
    examples: Sequence[Example],
    start: HeadState | None = None,
    *,
    further: Sequence[Example] = (),
    folds: int = 5,
    ridge: float | None = None,
    seed: int = 0,
    names: tuple[str, ...] = step_features.NAMES,
) -> HeadState:
    """Fitted on all, with the margin tuned out of fold on ``examples``; groups are never split. ``further`` only teach the weights."""
    place = fold_of([example.group for example in examples], folds, seed)
    held: list[tuple[Example, Floats]] = []
    for k in sorted(set(place)):
        away = {e.group for e, f in zip(examples, place, strict=True) if f == k and e.group}
        rest = [e for e, f in zip(examples, place, strict=True) if f != k] + [e for e in further if e.group not in away]
        if 0 < sum(e.first_error >= 0 for e in rest) < len(rest):
            part = fit(rest, start, ridge=ridge, names=names)
            held += [(e, part.hazards(e.rows)) for e, f in zip(examples, place, strict=True) if f == k]
    made = fit([*examples, *further], start, ridge=ridge, names=names)
    return tuned(made, [e for e, _ in held], [h for _, h in held]) if held else made


def fold_of(groups: Sequence[str], folds: int, seed: int) -> list[int]:
    """A fold per row; with at most ``folds`` different groups each is a fold of its own (a task left out)."""
    names = sorted(set(groups))
    np.random.default_rng(seed).shuffle(names)
    return [{name: i % folds for i, name in enumerate(names)}[group] for group in groups]


def load(text: str, names: tuple[str, ...] = step_features.NAMES) -> HeadState:
    """Raises ``ValueError`` for a state that other features, or another version of them, made."""
    try:
        found: Mapping[str, Any] = json.loads(text)
        arrays = [np.array(found[name], dtype=np.float64) for name in ("mean", "scale", "weights")]
        mean, scale, weights = arrays
        state = HeadState(tuple(found["names"]), mean, scale, weights, float(found["margin"]))
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"this is no state of a step head: {problem}") from problem
    n = len(names)
    if state.names != names or [len(a) for a in arrays] != [n, n, n + 1]:
        raise ValueError("this step head was trained on other features: train it again")
    return state


@lru_cache(maxsize=1)
def bundled() -> HeadState:
    """The head that comes with the product, trained on grade-school solutions; see BENCHMARKS.md."""
    return load(BUNDLED.read_text("utf-8"))


def _stacked(examples: Sequence[Example]) -> tuple[Floats, Floats, Floats]:
    """Features, labels and weights of steps. Those after the first wrong one are masked: nobody labelled them."""
    ends = [len(e.rows) if e.first_error < 0 else e.first_error + 1 for e in examples]
    x = np.vstack([e.rows[:end] for e, end in zip(examples, ends, strict=True)])
    y = np.concatenate([np.arange(end) == e.first_error for e, end in zip(examples, ends, strict=True)])
    return x, y.astype(np.float64), np.repeat([e.weight for e in examples], ends)


def _design(rows: Floats, mean: Floats, scale: Floats) -> Floats:
    standard = np.clip((rows - mean) / scale, -5, 5)
    return np.hstack([standard, np.ones((len(rows), 1))])
