"""Answers unlike those already reviewed first: greedy k-center over their embeddings (core-set, Sener and Savarese 2018).

``spread`` walks a batch so that each pick is the one farthest from all that was reviewed or picked before; its distance at that moment
is its priority. Re-ordering works in batches, so that picks are greedy within each. Risk alone asks about one error again and again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.policies.base import REGISTRY, Need, QueueCandidate
from core.policies.risk import TIE, behind

FARTHEST = 2.0  # cosine distance of opposites


@REGISTRY.register("diversity")
class DiversityPolicy:
    name = "diversity"
    needs: frozenset[Need] = frozenset({"distance"})

    def lacks(self, x: QueueCandidate) -> str:
        return "" if x.distance is not None else "no vector of the answer"

    def priority(self, x: QueueCandidate) -> float:
        return behind(x) if x.distance is None else x.distance + TIE * x.shuffle


def spread(vectors: NDArray[np.float32], reviewed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance, shape (n,), of each of ``vectors`` (n, d) to the nearest of ``reviewed`` (m, d) or of those picked before it.

    Vectors have length 1. With nothing reviewed the first pick is the one farthest from the mean.
    """
    n = len(vectors)
    found = np.zeros(n, dtype=np.float32)
    if not n:
        return found
    known = (vectors @ reviewed.T).max(axis=1) if len(reviewed) else vectors @ vectors.mean(axis=0)
    nearest = 1.0 - known
    left = np.ones(n, dtype=bool)
    for _ in range(n):
        pick = int(np.argmax(np.where(left, nearest, -np.inf)))
        found[pick] = min(max(float(nearest[pick]), 0.0), FARTHEST)
        left[pick] = False
        nearest = np.minimum(nearest, 1.0 - vectors @ vectors[pick])
    return found
