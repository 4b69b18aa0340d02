"""What a recipe works on: flat weights, and the squared gradients of batch losses on what is kept and on what is flagged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.registry import Registry

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Importance:
    """Mean over batches of the squared gradient of the batch's loss, shape (p,): of what is kept, and of what is flagged.

    A batch's gradient, not a row's: the size of the batches changes the result (paper 29).
    """

    kept: Floats
    flagged: Floats


@dataclass(frozen=True, slots=True)
class Settled:
    """Weights (p,) as they came out best on validation, with what they were made with; ``score`` is the validation's."""

    weights: Floats
    options: dict[str, float]
    score: float


class Recipe(Protocol):
    name: str

    def settle(self, weights: Floats, found: Importance, score: Callable[[Floats], float]) -> Settled:
        """The best of what it can make of ``weights`` (p,) by ``score``, higher is better; the weights as they are where nothing is."""
        ...


REGISTRY: Registry[Recipe] = Registry("recipe")
