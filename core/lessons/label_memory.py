"""Labels that people gave to similar items, as a second opinion beside the model's own likelihoods (the interpolation of kNN-LM).

A small model follows few examples in its prompt; most of what a label correction is worth lies in the neighbours' labels.
Each example votes with a weight that falls with its distance, and a ridge readout over all examples adds what holds of the whole
space. The model's probabilities are the prior: where nothing similar is known, they stand. All of it is sums over examples, so
that an example that is taken back leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEIGHBOURS = 30
TEMPERATURE = 0.1  # of the cosine; an example at cosine .9 counts a third of one at 1
RIDGE = 1.0
PRIOR = 0.05  # what the model's own probabilities weigh, in examples at cosine 1


class LabelMemory:
    """Unit vectors of examples with their labels, by key. Not thread-safe."""

    def __init__(self, labels: int, dim: int) -> None:
        self._keys: list[int] = []
        self._vectors = np.zeros((0, dim), np.float64)
        self._labels = np.zeros(0, np.int64)
        self._moment = np.zeros((dim + 1, dim + 1))  # of [x, 1]: what the ridge readout needs of all examples
        self._cross = np.zeros((dim + 1, labels))
        self._readout: Floats | None = None

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> tuple[int, ...]:
        return tuple(self._keys)

    def add(self, keys: Sequence[int], vectors: NDArray[np.floating], labels: Sequence[int]) -> None:
        """Examples (n,), (n, dim), (n,); ``ValueError`` for a key that is there already, a wrong shape or an unknown label."""
        given = np.asarray(vectors, np.float64).reshape(-1, self._vectors.shape[1])
        if not len(given) == len(keys) == len(labels) or set(keys) & set(self._keys) or len(set(keys)) != len(keys):
            raise ValueError("each example has one vector, one label, and a key of its own")
        if len(labels) and not 0 <= min(labels) <= max(labels) < self._cross.shape[1]:
            raise ValueError("an example has a label that is not among the labels")
        self._keys += list(keys)
        self._vectors = np.vstack([self._vectors, given])
        self._labels = np.append(self._labels, np.asarray(labels, np.int64))
        self._count(given, np.asarray(labels, np.int64), 1.0)

    def remove(self, keys: Sequence[int]) -> None:
        """Forget examples; keys that are not there are passed over."""
        gone = np.isin(self._keys, list(keys))
        self._count(self._vectors[gone], self._labels[gone], -1.0)
        self._keys = [key for key, out in zip(self._keys, gone, strict=True) if not out]
        self._vectors, self._labels = self._vectors[~gone], self._labels[~gone]
        if not self._keys:  # no rest of rounding stays
            self._moment[:], self._cross[:] = 0, 0

    @contextmanager
    def without(self, keys: Collection[int]) -> Iterator[None]:
        """Inside the ``with`` these examples do not exist; keys that are not there are passed over."""
        places = [place for place, key in enumerate(self._keys) if key in keys]
        taken = [self._keys[place] for place in places]
        vectors, labels = self._vectors[places], [int(label) for label in self._labels[places]]
        self.remove(taken)
        try:
            yield
        finally:
            self.add(taken, vectors, labels)

    def _count(self, vectors: Floats, labels: NDArray[np.int64], sign: float) -> None:
        design = np.hstack([vectors, np.ones((len(vectors), 1))])
        self._moment += sign * (design.T @ design)
        np.add.at(self._cross.T, labels, sign * design)
        self._readout = None

    def fused(self, queries: NDArray[np.floating], model: Floats) -> Floats:
        """Probabilities (m, labels) for unit ``queries`` (m, dim) whose model probabilities are ``model`` (m, labels)."""
        if not self._keys:
            return np.asarray(model, np.float64)
        return fuse(model, *self.votes(queries))

    def nearest(self, query: NDArray[np.floating], k: int) -> list[tuple[int, float]]:
        """(key, cosine) of the ``k`` examples nearest to a unit vector (dim,), best first."""
        cosines = self._vectors @ np.asarray(query, np.float64)
        order = np.argsort(-cosines, kind="stable")[:k]
        return [(self._keys[place], float(cosines[place])) for place in order]

    def votes(self, given: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Shares of the labels (m, labels) for unit vectors (m, dim), and what the neighbours weigh (m,), in examples at cosine 1."""
        queries: Floats = np.asarray(given, np.float64)
        cosines = queries @ self._vectors.T
        k = min(NEIGHBOURS, len(self._keys))
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        weights = np.exp((np.take_along_axis(cosines, near, axis=1) - 1) / TEMPERATURE)
        shares = np.zeros((len(queries), self._cross.shape[1]))
        for label in range(shares.shape[1]):
            shares[:, label] = (weights * (self._labels[near] == label)).sum(axis=1)
        evidence = weights.sum(axis=1)
        both = np.clip(shares / evidence[:, None] + self._read(queries), 0, None)
        return both / both.sum(axis=1, keepdims=True), evidence

    def _read(self, queries: Floats) -> Floats:
        """The ridge readout (m, labels): about the probability of each label, given the whole memory."""
        if self._readout is None:
            pull = RIDGE * np.eye(len(self._moment))
            pull[-1, -1] = 1e-6
            self._readout = np.asarray(np.linalg.solve(self._moment + pull, self._cross), np.float64)
        return np.asarray(queries @ self._readout[:-1] + self._readout[-1])


def fuse(model: Floats, votes: Floats, evidence: Floats) -> Floats:
    """The model's probabilities (m, labels) as ``PRIOR`` examples beside the memory's ``votes``, whose weight is ``evidence`` (m,)."""
    weight = np.asarray(evidence, np.float64)[:, None]
    return np.asarray((PRIOR * model + weight * votes) / (PRIOR + weight))
