"""Three ways from a risk to the probability that people find the output wrong, and the choice between them by cross-validation.

Platt scaling (a line on log-odds), beta calibration (Kull et al. 2017: separate slopes for both ends) and isotonic regression, as
in papers 1 and 21. Different from the textbook: Platt and beta are shrunk towards leaving the risk alone, because the few dozen
reviews of a young project would otherwise move it by more than they know; isotonic steps are joined by lines, so that no two
risks become equal that were not equal within a block. None of them may turn the order of risks round.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Params = dict[str, list[float]]
Name = TypeVar("Name", bound=Hashable)

SLOPE_SD, SHIFT_SD = 0.5, 1.5  # of the normal prior around slope 1 and shift 0 on log-odds
FOLDS, REPEATS = 5, 4
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Calibrator:
    """``fit(risks, wrong, weights)`` gives JSON parameters; ``apply(parameters, risks)`` the calibrated risks. Shapes (n,)."""

    fit: Callable[[Floats, Floats, Floats], Params]
    apply: Callable[[Mapping[str, Sequence[float]], Floats], Floats]


def log_odds(risks: Floats) -> Floats:
    inside = np.clip(risks, TINY, 1 - TINY)
    return np.asarray(np.log(inside / (1 - inside)))


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def choose(risks: Floats, wrong: Floats, weights: Floats, seed: int = 0) -> str:
    """The name with the lowest log-loss on held-out reviews; another than Platt must be better by two standard errors."""
    losses = {name: held_out_loss(name, risks, wrong, weights, seed) for name in CALIBRATORS}
    return surely_lowest(losses, "platt", weights)


def held_out_loss(name: str, risks: Floats, wrong: Floats, weights: Floats, seed: int = 0) -> Floats:
    """Log-loss of each review, shape (n,), by a calibrator that did not see it, summed over repeated folds."""
    method, losses = CALIBRATORS[name], np.zeros(len(risks))
    rng = np.random.default_rng(seed)
    for _ in range(REPEATS):
        fold = np.empty(len(risks), dtype=int)
        for faulty in (True, False):
            rows = rng.permutation(np.flatnonzero((wrong >= 0.5) == faulty))
            fold[rows] = np.arange(len(rows)) % FOLDS
        for held in range(FOLDS):
            test = fold == held
            params = method.fit(risks[~test], wrong[~test], weights[~test])
            said = np.clip(method.apply(params, risks[test]), 1e-3, 1 - 1e-3)
            losses[test] -= wrong[test] * np.log(said) + (1 - wrong[test]) * np.log(1 - said)
    return losses


def surely_lowest(losses: Mapping[Name, Floats], usual: Name, weights: Floats) -> Name:
    """The name with the lowest mean loss, if it is lower than the ``usual`` one's by two standard errors of the difference."""
    best = min(losses, key=lambda name: float(losses[name] @ weights))
    gain = (losses[usual] - losses[best]) * weights
    return best if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)) else usual


def _fit_platt(risks: Floats, wrong: Floats, weights: Floats) -> Params:
    design = np.stack([log_odds(risks), np.ones_like(risks)], axis=1)
    slope, shift = most_probable(design, wrong, weights, np.array([1.0, 0.0]), np.array([SLOPE_SD, SHIFT_SD]))
    if slope <= 0:
        share = (wrong @ weights + 1) / (weights.sum() + 2)
        slope, shift = 0.0, float(np.log(share / (1 - share)))
    return {"slope": [float(slope)], "shift": [float(shift)]}


def _apply_platt(params: Mapping[str, Sequence[float]], risks: Floats) -> Floats:
    return sigmoid(params["slope"][0] * log_odds(risks) + params["shift"][0])


def _fit_beta(risks: Floats, wrong: Floats, weights: Floats) -> Params:
    """log-odds = a ln(risk) - b ln(1 - risk) + c with a, b >= 0; a = b is Platt."""
    inside = np.clip(risks, TINY, 1 - TINY)
    columns = [np.log(inside), -np.log(1 - inside), np.ones_like(inside)]
    start, spread = np.array([1.0, 1.0, 0.0]), np.array([SLOPE_SD, SLOPE_SD, SHIFT_SD])
    kept = [0, 1, 2]
    theta = np.zeros(3)
    for _ in range(3):
        found = most_probable(np.stack([columns[i] for i in kept], axis=1), wrong, weights, start[kept], spread[kept])
        theta = np.zeros(3)
        theta[kept] = found
        negative = [i for i in (0, 1) if theta[i] < 0]
        if not negative:
            break
        kept = [i for i in kept if i not in negative]
    theta[:2] = np.maximum(theta[:2], 0)
    return {"a": [float(theta[0])], "b": [float(theta[1])], "c": [float(theta[2])]}


def _apply_beta(params: Mapping[str, Sequence[float]], risks: Floats) -> Floats:
    inside = np.clip(risks, TINY, 1 - TINY)
    a, b, c = params["a"][0], params["b"][0], params["c"][0]
    return sigmoid(a * np.log(inside) - b * np.log(1 - inside) + c)


def _fit_isotonic(risks: Floats, wrong: Floats, weights: Floats) -> Params:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(risks, wrong, sample_weight=weights)
    values = model.predict(risks)
    blocks = np.unique(values)
    centres = [float(np.average(risks[values == block], weights=weights[values == block])) for block in blocks]
    sizes = [float(weights[values == block].sum()) for block in blocks]
    # One imagined row of either verdict per block keeps a block of three reviews from saying "never" or "always".
    smoothed = [(block * size + 1 / 2) / (size + 1) for block, size in zip(blocks, sizes, strict=True)]
    return {"risk": centres, "wrong": np.maximum.accumulate(smoothed).tolist()}


def _apply_isotonic(params: Mapping[str, Sequence[float]], risks: Floats) -> Floats:
    return np.interp(risks, params["risk"], params["wrong"])


def most_probable(design: Floats, wrong: Floats, weights: Floats, centre: Floats, spread: Floats) -> Floats:
    """Most probable coefficients under independent normal priors, by Newton's method."""
    theta, precision = np.zeros_like(centre), 1 / spread**2  # from a flat start Newton does not overshoot
    for _ in range(50):
        p = sigmoid(design @ theta)
        gradient = design.T @ (weights * (p - wrong)) + precision * (theta - centre)
        curvature = (design * (weights * p * (1 - p))[:, None]).T @ design + np.diag(precision)
        move = np.linalg.solve(curvature, gradient)
        theta = theta - np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-9:
            break
    return theta


CALIBRATORS: Mapping[str, Calibrator] = {
    "platt": Calibrator(_fit_platt, _apply_platt),
    "beta": Calibrator(_fit_beta, _apply_beta),
    "isotonic": Calibrator(_fit_isotonic, _apply_isotonic),
}
