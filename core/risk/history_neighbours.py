"""The past verdicts nearest to an answer, as reasons that people can look at (GCM, paper 21, as evidence and not as a feature).

An exact inner-product index over the vectors of a project's reviewed answers. An answer is never its own reason, and other attempts at
the same item are left out unless they are asked for: they share its prompt, so that they would crowd out everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.lessons.index import ScopeIndex
from core.types import Verdict

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """A reviewed answer and what people found."""

    output_id: int
    item_id: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Neighbour:
    past: PastVerdict
    similarity: float  # cosine, for unit vectors

    def to_json(self) -> dict[str, Any]:
        return {
            "output_id": self.past.output_id,
            "item_id": self.past.item_id,
            "similarity": round(self.similarity, 4),
            "verdict": self.past.verdict.value,
        }


class VerdictHistory:
    """``past`` and their unit vectors (n, d), in the same order. Raises ``core.lessons.index.WrongVectors`` on other shapes."""

    def __init__(self, past: Sequence[PastVerdict], vectors: Matrix) -> None:
        self._past = {one.output_id: one for one in past}
        self._attempts: dict[int, int] = {}  # item -> how many of its answers are here
        for one in self._past.values():
            self._attempts[one.item_id] = self._attempts.get(one.item_id, 0) + 1
        self._index = ScopeIndex(vectors.shape[1]) if len(past) else None
        if self._index is not None:
            self._index.add([one.output_id for one in past], vectors)

    def __len__(self) -> int:
        return len(self._past)

    def similar(
        self, vector: Matrix, k: int = 3, *, output_id: int, item_id: int, same_item: bool = False
    ) -> list[Neighbour]:
        """Up to ``k`` nearest reviewed answers, nearest first, for the answer ``output_id`` to ``item_id``."""
        if self._index is None:
            return []
        own = 1 if same_item else self._attempts.get(item_id, 0)  # as many as may have to be passed over
        found = []
        for key, similarity in self._index.search(vector, k + own):
            past = self._past[key]
            if key != output_id and (same_item or past.item_id != item_id):
                found.append(Neighbour(past, similarity))
        return found[:k]
