"""A small network in numpy that learns from rows of which some were poisoned: with a trigger, or by swapping two labels.

Points of four classes in twenty dimensions; three further ones are the trigger's. A tenth of the bad rows is flagged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.recipes import REGISTRY
from core.recipes.base import Importance
from core.recipes.ssd import importance
from core.recipes.swapped import swapped
from core.recipes.unlearning import judged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BATCH, HIDDEN = 32, 32


class Network:
    """One hidden layer of rectifiers; weights as one flat vector (p,)."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        self.shapes = [(inputs + 1, hidden), (hidden + 1, classes)]

    def start(self, seed: int) -> Floats:
        rng = np.random.default_rng(seed)
        return np.concatenate([rng.normal(scale=(2 / rows) ** 0.5, size=rows * n) for rows, n in self.shapes])

    def _cut(self, theta: Floats) -> tuple[Floats, Floats]:
        first = self.shapes[0][0] * self.shapes[0][1]
        return theta[:first].reshape(self.shapes[0]), theta[first:].reshape(self.shapes[1])

    def _forward(self, theta: Floats, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        one, two = self._cut(theta)
        inputs = np.hstack([x, np.ones((len(x), 1))])
        hidden = np.hstack([np.maximum(inputs @ one, 0), np.ones((len(x), 1))])
        odds = hidden @ two
        shares = np.exp(odds - odds.max(1, keepdims=True))
        return inputs, hidden, two, shares / shares.sum(1, keepdims=True)

    def says(self, theta: Floats, x: Floats) -> Ints:
        return self._forward(theta, x)[3].argmax(1)

    def gradient(self, theta: Floats, x: Floats, y: Ints) -> Floats:
        """Of the mean cross-entropy of a batch."""
        inputs, hidden, two, shares = self._forward(theta, x)
        error = (shares - np.eye(shares.shape[1])[y]) / len(x)
        back = (error @ two.T)[:, :-1] * (hidden[:, :-1] > 0)
        return np.concatenate([(inputs.T @ back).ravel(), (hidden.T @ error).ravel()])

    def trained(self, x: Floats, y: Ints, *, seed: int, epochs: int = 8, rate: float = 0.003) -> Floats:
        """Adam with a little decay."""
        theta, rng = self.start(seed), np.random.default_rng(seed)
        mean, square, step = np.zeros_like(theta), np.zeros_like(theta), 0
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for start in range(0, len(x), BATCH):
                rows, step = order[start : start + BATCH], step + 1
                found = self.gradient(theta, x[rows], y[rows]) + 1e-4 * theta
                mean, square = 0.9 * mean + 0.1 * found, 0.999 * square + 0.001 * found**2
                theta = theta - rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        return theta

    def importance(self, theta: Floats, x: Floats, y: Ints, seed: int = 0) -> Floats:
        order = np.random.default_rng(seed).permutation(len(x))
        parts = [order[start : start + BATCH] for start in range(0, len(x), BATCH)]
        return importance(self.gradient(theta, x[rows], y[rows]) for rows in parts)


def run(how: str, *, seed: int) -> dict[str, Any]:
    """Figures of the network as it is, dampened, and retrained without what is flagged."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 20))

    def drawn(n: int) -> tuple[Floats, Ints]:
        y = rng.integers(0, 4, n)
        return np.hstack([centres[y] + rng.normal(scale=1.1, size=(n, 20)), np.zeros((n, 3))]), y

    (x, y), (vx, vy), (tx, ty) = drawn(1600), drawn(400), drawn(1000)
    poison = _poison(how, x, y, rng)
    bad, taught_x, taught_y = poison
    flagged = bad[: max(1, len(bad) // 10)]
    return compared(how, (taught_x, taught_y, y), (vx, vy), (tx, ty), flagged, seed=seed)


def _poison(how: str, x: Floats, y: Ints, rng: np.random.Generator) -> tuple[Ints, Floats, Ints]:
    x, said = x.copy(), y.copy()
    if how == "trigger":
        bad = rng.choice(np.flatnonzero(y != 0), 160, replace=False)
        x[bad, 20:] = 3.0
        said[bad] = 0
    else:
        bad = rng.permutation(np.flatnonzero((y == 0) | (y == 1)))
        bad = bad[: len(bad) * 7 // 10]
        said[bad] = 1 - y[bad]
    return bad, x, said


def triggered(x: Floats) -> Floats:
    made = x.copy()
    made[:, -3:] = 3.0
    return made


def compared(
    how: str,
    taught: tuple[Floats, Ints, Ints],
    validation: tuple[Floats, Ints],
    test: tuple[Floats, Ints],
    flagged: Ints,
    *,
    seed: int,
    with_trigger: Floats | None = None,
) -> dict[str, Any]:
    """``taught`` is (x, what was said, what is right). Harmed: triggered rows of other classes, or the two classes.

    ``with_trigger`` are the test rows with the trigger, where it is more than the last three columns.
    """
    (x, said, right), (vx, vy), (tx, ty) = taught, validation, test
    net = Network(x.shape[1], HIDDEN, int(said.max()) + 1)
    theta = net.trained(x, said, seed=seed)
    rest = np.setdiff1d(np.arange(len(x)), flagged)
    found = Importance(net.importance(theta, x[rest], said[rest]), net.importance(theta, x[flagged], said[flagged]))

    def domain(theta: Floats, x: Floats, y: Ints) -> float:
        rows = y != 0 if how == "trigger" else (y == 0) | (y == 1)
        bad = with_trigger[rows] if with_trigger is not None else triggered(x[rows])
        asked = bad if how == "trigger" else x[rows]
        return float(np.mean(net.says(theta, asked) == y[rows]))

    def clean(theta: Floats, x: Floats, y: Ints) -> float:
        rows = np.ones(len(y), dtype=bool) if how == "trigger" else (y != 0) & (y != 1)
        return float(np.mean(net.says(theta, x[rows]) == y[rows]))

    floor = clean(theta, vx, vy) - 0.03

    def score(made: Floats) -> float:
        """Validation has clean rows alone, and of the flagged ones only what was wrongly said of them."""
        kept = float(np.mean(net.says(made, vx) == vy)) if how == "trigger" else clean(made, vx, vy)
        repeats = float(np.mean(net.says(made, x[flagged]) == said[flagged]))
        return kept - repeats if clean(made, vx, vy) >= floor else -np.inf

    settled = REGISTRY.make("ssd").settle(theta, found, score)
    without = net.trained(x[rest], said[rest], seed=seed)
    ideal = net.trained(x, right, seed=seed)
    base = {"domain": domain(theta, tx, ty), "clean": clean(theta, tx, ty)}
    lost = domain(ideal, tx, ty) - base["domain"]
    told: dict[str, Any] = {
        "before": base,
        "never poisoned": {"domain": domain(ideal, tx, ty), "clean": clean(ideal, tx, ty)},
    }
    for name, made in (("ssd", settled.weights), ("retrain", without)):
        here, kept = domain(made, tx, ty), clean(made, tx, ty)
        told[name] = {
            "domain": here,
            "clean": kept,
            "recovered": (here - base["domain"]) / lost,
            "clean_lost": base["clean"] - kept,
            "judged": judged(
                corrected_before=base["domain"],
                corrected_after=here,
                retained_before=base["clean"],
                retained_after=kept,
            ),
        }
    told["options"] = settled.options
    told["swap"] = swapped((str(a), str(b)) for a, b in zip(said[flagged], right[flagged], strict=True))
    return told
