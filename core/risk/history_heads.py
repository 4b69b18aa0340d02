"""The two learners of the correctness history: a logistic head and a forest. Both score in numpy and are saved as JSON.

Targets may be shares as well as verdicts. scikit-learn grows the forest; what is kept of it is its arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.risk.calibrators import sigmoid

Floats = NDArray[np.float64]

TREES, LEAVES, SMALLEST_LEAF, TRIED = 150, 64, 10, 0.5
PLACES = 5  # decimals of what a forest keeps: short in JSON, and the same float32 after it
ROWS_AT_ONCE = 500  # a block of rows and all trees stay in the processor's cache


class LogisticHead:
    """Logistic regression with an L2 penalty on standardised features; ``strength`` is the penalty per row's worth of loss."""

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.weights: Floats = np.zeros(0)
        self.shift = 0.0

    def fit(self, x: Floats, target: Floats, seed: int) -> LogisticHead:
        """Newton's method from the best constant; x (n, d) standardised, target (n,) in [0, 1]."""
        design = np.hstack([x, np.ones((len(x), 1))])
        penalty = np.full(design.shape[1], self.strength)
        penalty[-1] = 1e-6
        theta = np.zeros(design.shape[1])
        theta[-1] = log_odds(np.array([target.mean()]))[0]
        for _ in range(30):
            p = sigmoid(design @ theta)
            gradient = design.T @ (p - target) + penalty * theta
            curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
            move = np.linalg.solve(curvature, gradient)
            theta -= move * min(1.0, 5.0 / max(1e-9, float(np.abs(move).max())))
            if np.abs(move).max() < 1e-8:
                break
        self.weights, self.shift = theta[:-1], float(theta[-1])
        return self

    def score(self, x: Floats) -> Floats:
        return sigmoid(x @ self.weights + self.shift)

    def state(self) -> dict[str, Any]:
        return {"kind": "logistic", "strength": self.strength, "weights": self.weights.tolist(), "shift": self.shift}

    def load(self, state: Mapping[str, Any]) -> LogisticHead:
        self.weights, self.shift = np.asarray(state["weights"], np.float64), float(state["shift"])
        return self


class ForestHead:
    """Extremely randomised trees; a row's score is the mean of the targets in its leaves."""

    def __init__(
        self, trees: int = TREES, leaves: int = LEAVES, smallest: int = SMALLEST_LEAF, tried: float = TRIED
    ) -> None:
        """``tried``: the share of features looked at for each split."""
        self.shape = {
            "n_estimators": trees,
            "max_leaf_nodes": leaves,
            "min_samples_leaf": smallest,
            "max_features": tried,
        }
        self.split: NDArray[np.int32] = np.zeros((0, 0), np.int32)  # feature of each node, (trees, nodes)
        self.bound: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # a row with at most this goes left
        self.left: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.right: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.value: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, x: Floats, target: Floats, seed: int, weight: Floats | None = None) -> ForestHead:
        if not x.shape[1]:  # nothing differs between rows: one leaf
            x = np.zeros((len(x), 1))
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(**self.shape, random_state=seed)
        trees = [grown.tree_ for grown in forest.fit(x.astype(np.float32), target, weight).estimators_]
        nodes = max(tree.node_count for tree in trees)
        self.split, self.left, self.right = (np.zeros((len(trees), nodes), np.int32) for _ in range(3))
        self.bound, self.value = (np.zeros((len(trees), nodes), np.float32) for _ in range(2))
        for row, tree in enumerate(trees):
            count, leaf = tree.node_count, tree.children_left < 0
            own = np.arange(count)
            self.split[row, :count] = np.where(leaf, 0, tree.feature)
            self.bound[row, :count] = np.round(tree.threshold, PLACES)
            self.left[row, :count] = np.where(leaf, own, tree.children_left)  # a leaf leads to itself
            self.right[row, :count] = np.where(leaf, own, tree.children_right)
            self.value[row, :count] = np.round(tree.value[:, 0, 0], PLACES)
        return self

    def score(self, x: Floats) -> Floats:
        if not x.shape[1]:
            x = np.zeros((len(x), 1))
        parts = [self._block(x[start : start + ROWS_AT_ONCE]) for start in range(0, len(x), ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _block(self, x: Floats) -> Floats:
        trees, nodes = self.split.shape
        offset = (np.arange(trees, dtype=np.int32) * nodes)[None, :]
        split, bound, value = self.split.ravel(), self.bound.ravel(), self.value.ravel()
        left, right = (self.left + offset.T).ravel(), (self.right + offset.T).ravel()
        flat, rows = x.astype(np.float32).ravel(), (np.arange(len(x)) * x.shape[1])[:, None]
        at = np.broadcast_to(offset, (len(x), trees))
        while True:
            after = np.where(flat[rows + split[at]] <= bound[at], left[at], right[at])
            if np.array_equal(after, at):
                return np.asarray(value[at].mean(axis=1), np.float64)
            at = after

    def state(self) -> dict[str, Any]:
        whole = {name: getattr(self, name).tolist() for name in ("split", "left", "right")}
        kept = {name: np.round(getattr(self, name).astype(np.float64), PLACES).tolist() for name in ("bound", "value")}
        return {"kind": "forest", **whole, **kept}

    def load(self, state: Mapping[str, Any]) -> ForestHead:
        self.split, self.left, self.right = (np.asarray(state[k], np.int32) for k in ("split", "left", "right"))
        self.bound, self.value = (np.asarray(state[k], np.float32) for k in ("bound", "value"))
        return self


Head = LogisticHead | ForestHead


def head_from(state: Mapping[str, Any]) -> Head:
    return ForestHead().load(state) if state["kind"] == "forest" else LogisticHead(state["strength"]).load(state)


def log_odds(p: Floats) -> Floats:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))
