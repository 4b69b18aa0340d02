"""What the correctness history takes from embeddings: a few principal components, and the verdicts of the nearest past rows.

Both are fitted on the history's own rows. A neighbour of the row's own group (its question) never counts, in training and in
scoring alike: otherwise a row would find its own verdict, or its question's, and the heads would learn to trust that.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 48  # principal components in which neighbours are sought
SHOWN = 12  # of them, those that the heads see as features
NEAREST = 15
PRIOR = 3.0  # imagined neighbours with the average verdict
SHARPNESS = 10.0  # a neighbour whose cosine is .1 lower weighs e times less
MEMORY = 4_000  # newest rows that are kept as neighbours
ROWS_AT_ONCE = 1_000


class VectorMemory:
    """One kind of vector (of the prompt, or of the answer) of past rows with their verdicts. Rows may lack it."""

    def __init__(self) -> None:
        self.mean: Floats = np.zeros(0)
        self.axes: Floats = np.zeros((0, 0))  # (d, width)
        self.past: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # unit rows in the components
        self.wrong: Floats = np.zeros(0)
        self.groups: list[str] = []
        self.base = 0.5

    def fit(self, vectors: Sequence[NDArray[Any] | None], wrong: Floats, groups: Sequence[str]) -> VectorMemory:
        """Rows in the order of their time, the newest last. With fewer than ten vectors nothing is remembered."""
        known = [i for i, vector in enumerate(vectors) if vector is not None]
        self.base = float(wrong.mean())
        if len(known) < 10:
            return self
        x = np.stack([np.asarray(vectors[i], np.float64) for i in known])
        self.mean = np.round(x.mean(axis=0), 5)
        _, _, axes = np.linalg.svd(x - self.mean, full_matrices=False)
        self.axes = np.round(_signed(axes[: min(WIDTH, len(known) - 1)]).T, 5)
        kept = known[-MEMORY:]
        self.past = _unit(self._components([vectors[i] for i in kept])).astype(np.float16).astype(np.float32)
        self.wrong, self.groups = wrong[kept], [groups[i] for i in kept]
        return self

    def features(
        self, name: str, vectors: Sequence[NDArray[Any] | None], groups: Sequence[str]
    ) -> tuple[list[str], Floats]:
        """Names and values (n, m); ``nan`` for rows without the vector. No names when nothing is remembered."""
        if not self.axes.size:
            return [], np.zeros((len(vectors), 0))
        known = np.array([i for i, vector in enumerate(vectors) if vector is not None], dtype=np.int64)
        shown = min(SHOWN, self.axes.shape[1])
        names = [f"{name}_component_{i}" for i in range(shown)] + [f"{name}_near_wrong", f"{name}_near_cosine"]
        found = np.full((len(vectors), shown + 2), np.nan)
        for start in range(0, len(known), ROWS_AT_ONCE):
            rows = known[start : start + ROWS_AT_ONCE]
            components = self._components([vectors[i] for i in rows])
            found[rows, :shown] = components[:, :shown]
            found[rows, shown:] = self._near(_unit(components).astype(np.float32), [groups[i] for i in rows])
        return names, found

    def _components(self, vectors: Sequence[NDArray[Any] | None]) -> Floats:
        x = np.stack([np.asarray(vector, np.float64) for vector in vectors])
        if x.shape[1] != len(self.mean):
            raise ValueError(
                f"these vectors have {x.shape[1]} numbers, the history was fitted on {len(self.mean)}: embed with the same encoder, "
                "or fit the history again"
            )
        return np.asarray((x - self.mean) @ self.axes)

    def _near(self, unit: NDArray[np.float32], groups: Sequence[str]) -> Floats:
        """(m, 2): the weighted share of wrong ones among the nearest rows of other groups, and the nearest one's cosine."""
        cosine = unit @ self.past.T
        places: dict[str, list[int]] = {}
        for place, group in enumerate(self.groups):
            places.setdefault(group, []).append(place)
        for row, group in enumerate(groups):
            cosine[row, places.get(group, [])] = -2.0
        take = min(NEAREST, cosine.shape[1])
        nearest = np.argpartition(-cosine, take - 1, axis=1)[:, :take]
        near = np.take_along_axis(cosine, nearest, axis=1).astype(np.float64)
        weight = np.where(near > -1.5, np.exp(SHARPNESS * (near - 1)), 0.0)
        top = np.maximum(weight.max(axis=1, keepdims=True), 1e-12)
        share = ((weight / top) @ np.ones(take)) + PRIOR
        wrong = ((weight / top) * self.wrong[nearest]).sum(axis=1) + PRIOR * self.base
        return np.stack([wrong / share, np.maximum(near.max(axis=1), -1.0)], axis=1)

    def state(self) -> dict[str, Any]:
        return {
            "mean": self.mean.tolist(),
            "axes": self.axes.tolist(),
            "past": base64.b64encode(self.past.astype(np.float16).tobytes()).decode("ascii"),
            "wrong": self.wrong.tolist(),
            "groups": list(self.groups),
            "base": self.base,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> VectorMemory:
        made = cls()
        made.mean, made.axes = np.asarray(state["mean"], np.float64), np.asarray(state["axes"], np.float64)
        made.wrong, made.groups, made.base = (
            np.asarray(state["wrong"], np.float64),
            list(state["groups"]),
            float(state["base"]),
        )
        flat = np.frombuffer(base64.b64decode(state["past"]), np.float16).astype(np.float32)
        made.past = flat.reshape(len(made.groups), -1) if made.groups else np.zeros((0, 0), np.float32)
        return made


def _signed(axes: Floats) -> Floats:
    """The sign of a principal axis is open; the largest entry is made positive, so that every machine finds the same."""
    largest = np.abs(axes).argmax(axis=1)
    return np.asarray(axes * np.sign(axes[np.arange(len(axes)), largest])[:, None])


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9))
