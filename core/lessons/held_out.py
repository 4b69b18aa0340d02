"""What a gate says of what it has not seen: fitted on some groups, its threshold chosen on others, asked on a third part, in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
Row = TypeVar("Row")
Model = TypeVar("Model")
Chances = Sequence[tuple[float, bool]]  # what a gate says, and what is true


def asked_once(
    rows: Sequence[Row],
    *,
    group: Callable[[Row], int],
    judges: Callable[[Row], bool],
    right: Callable[[Row], bool],
    fit: Callable[[Sequence[Row]], Model | None],
    ask: Callable[[Model, Row], float],
    choose: Callable[[Chances], float],
) -> tuple[list[tuple[bool, bool]], dict[int, list[tuple[float, bool]]]]:
    """(accepted, right) of every row that ``judges``, by a gate and a threshold that have not seen it, and the chances by fold.

    Groups are dealt to ``FOLDS``: one is asked, the next one chooses the threshold, the gate is fitted on the others. ``fit`` answers
    ``None`` where nothing can be learned; such a fold is left out.
    """
    said: list[tuple[bool, bool]] = []
    chances: dict[int, list[tuple[float, bool]]] = {}
    for fold in range(FOLDS):
        aside = (fold + 1) % FOLDS
        model = fit([row for row in rows if group(row) % FOLDS not in (fold, aside)])
        here = [row for row in rows if judges(row) and group(row) % FOLDS == fold]
        if model is None or not here:
            continue
        tuning = [row for row in rows if judges(row) and group(row) % FOLDS == aside]
        threshold = choose([(ask(model, row), right(row)) for row in tuning])
        chances[fold] = [(ask(model, row), right(row)) for row in here]
        said += [(chance >= threshold, true) for chance, true in chances[fold]]
    return said, chances


def cross_entropy(chances: Chances) -> float:
    """Mean loss in nats."""
    kept = [(min(max(chance, 1e-9), 1 - 1e-9), true) for chance, true in chances]
    return -sum(math.log(p if true else 1 - p) for p, true in kept) / len(kept)


def newton(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    offset: NDArray[np.float64],
    centre: NDArray[np.float64],
    strength: float,
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Logistic coefficients (d,) of ``x`` (n, d), whose first column is 1, held to ``centre`` by a ridge of ``strength``."""
    held = np.full(x.shape[1], strength)
    held[0] = min(strength, 1e-3)  # the level is free
    beta = centre.copy()
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -30, 30)))
        slope = x.T @ (counts * (p - y)) + held * (beta - centre)
        curve = (x * (counts * p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(held)
        step = np.linalg.solve(curve, slope)
        beta = beta - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return beta
