"""Selective synaptic dampening (paper 29): weights that matter more to flagged rows than to the rest are made smaller, without a step.

F_D and F_f are the means over batches of the squared gradient of the batch's loss on what is kept and on what is flagged. Where
F_f > alpha * F_D, a weight is multiplied by min(lambda * F_D / F_f, 1), so that no weight ever grows. It repairs poisoning (a trigger
that was learned as a label) with a tenth of the bad rows flagged, and it does not repair swapped labels: ``core.recipes.swapped``.

Different from the paper: alpha and lambda are chosen on validation from its whole sweep, and "leave it alone" is one of the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from core.recipes.base import REGISTRY, Floats, Importance, Settled

ALPHAS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
LAMBDAS = (0.1, 0.5, 1.0, 5.0, 10.0)  # times alpha


def importance(gradients: Iterable[Floats]) -> Floats:
    """Mean of the squares of batch gradients, each (p,). Raises ``ValueError`` for no batch."""
    total, n = None, 0
    for gradient in gradients:
        square = np.asarray(gradient, dtype=np.float64) ** 2
        total, n = square if total is None else total + square, n + 1
    if total is None:
        raise ValueError("importance needs at least one batch")
    return np.asarray(total / n)


def dampened(weights: Floats, found: Importance, alpha: float, lam: float) -> Floats:
    """The formula: a copy of ``weights`` (p,) in which none is larger in size than before."""
    picked = found.flagged > alpha * found.kept
    ratio = np.divide(lam * found.kept, found.flagged, out=np.ones_like(weights), where=picked)
    return np.asarray(weights * np.where(picked, np.minimum(ratio, 1.0), 1.0))


@REGISTRY.register("ssd")
class SsdRecipe:
    name = "ssd"

    def settle(self, weights: Floats, found: Importance, score: Callable[[Floats], float]) -> Settled:
        """The best alpha and lambda of the sweep by ``score``; with equal scores the gentler one (fewer weights, less)."""
        best = Settled(weights, {}, score(weights))
        for alpha in reversed(ALPHAS):
            for times in reversed(LAMBDAS):
                made = dampened(weights, found, alpha, alpha * times)
                if np.array_equal(made, weights):
                    continue
                reached = score(made)
                if reached > best.score:
                    best = Settled(made, {"alpha": alpha, "lambda": alpha * times}, reached)
        return best
