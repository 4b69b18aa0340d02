"""What a risk model takes and gives: votes as class numbers and embeddings in, the probability of being wrong out.

Label items are harmonized over the project's labels; all others over the two classes ``ACCEPTABLE`` and ``FAULTY``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.registry import Registry

ACCEPTABLE, FAULTY = 0, 1  # class numbers of items without labels


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One output: its embedding, shape (d,), the class each voting source gave it, and the class of the model's own answer.

    ``answer`` is ``ACCEPTABLE`` for items without labels: a model that answers claims to be right. -1, no answer, may be learnt from
    but not scored.
    """

    embedding: NDArray[np.float32]
    votes: Mapping[str, int]
    answer: int
    text: str = ""  # for a fine-tuned encoder, which reads it instead of the embedding


@dataclass(frozen=True, slots=True)
class Scored:
    """Risk in [0, 1] and the sources that moved it, as (source, change in log-odds of being wrong), strongest first."""

    value: float
    drivers: tuple[tuple[str, float], ...]


class RiskModel(Protocol):
    """A harmonizer. ``state`` is JSON and ``load`` restores from it exactly."""

    name: str

    def fit(self, rows: Sequence[RiskRow], n_classes: int, seed: int = 0) -> None:
        """Learn from votes alone; raises ``ValueError`` when there is too little to learn from."""
        ...

    def score(self, rows: Sequence[RiskRow]) -> list[Scored]: ...

    def state(self) -> dict[str, Any]: ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Raises ``ValueError`` on a state that is not its own."""
        ...


REGISTRY: Registry[RiskModel] = Registry("risk")
