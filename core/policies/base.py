"""How urgent an output is for a queue: larger comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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
class QueueCandidate:
    """What a policy may weigh. ``risk`` is ``None`` before the output was analysed; ``shuffle`` is uniform in [0, 1).

    ``rollouts`` is ``None`` where no continuations were sampled.
    """

    risk: float | None
    created_at: datetime
    shuffle: float
    rollouts: RolledOut | None = None


class Policy(Protocol):
    name: str

    def priority(self, x: QueueCandidate) -> float: ...


REGISTRY: Registry[Policy] = Registry("policy")
