"""How urgent an output is for a queue: larger comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from core.registry import Registry


@dataclass(frozen=True, slots=True)
class RolledOut:
    """What continuations told of an output: ``mc`` is the share of fresh answers to its question that are right.

    ``wrong`` is whether this one is not; ``searches`` counts the searched answers of its question, ``tokens`` its length.
    """

    mc: float
    wrong: bool
    searches: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Sides:
    """The probability that an answer is faulty as a weak supervisor has it (people, else signals) and as a strong one (critics)."""

    weak: float
    strong: float


@dataclass(frozen=True, slots=True)
class QueueCandidate:
    """What a policy may weigh. ``risk`` is ``None`` before the output was analysed; ``shuffle`` is uniform in [0, 1).

    The rest is read only for policies that need it, and ``None`` where it is not known: ``rollouts`` where no continuations were
    sampled; ``distance`` to the nearest answer that was reviewed or is to come earlier (cosine, 0 to 2) and ``density``, the mean
    cosine to answers that wait, where there are no vectors; ``sides`` where one of the two has not spoken.
    """

    risk: float | None
    created_at: datetime
    shuffle: float
    rollouts: RolledOut | None = None
    distance: float | None = None
    density: float | None = None
    sides: Sides | None = None


Need = Literal["rollouts", "distance", "density", "sides"]


class Policy(Protocol):
    """``needs`` names the fields of a candidate that are read for it. ``lacks`` says in words what is missing of one, or is empty:
    such a candidate stands behind all others, riskiest first."""

    name: str
    needs: frozenset[Need]

    def lacks(self, x: QueueCandidate) -> str: ...

    def priority(self, x: QueueCandidate) -> float: ...


REGISTRY: Registry[Policy] = Registry("policy")
