"""What a review would teach most: uncertain answers that many others resemble (information density, Settles and Craven 2008).

The entropy of the risk, in bits, times how close the answer lies to those that wait. It serves the learning curve (paper 36): each
correction should carry over to as many other items as possible.
"""

from __future__ import annotations

from math import log2

from core.policies.base import REGISTRY, Need, QueueCandidate
from core.policies.risk import TIE, behind


@REGISTRY.register("learning-value")
class LearningValuePolicy:
    name = "learning-value"
    needs: frozenset[Need] = frozenset({"density"})

    def lacks(self, x: QueueCandidate) -> str:
        return "not judged yet" if x.risk is None else "" if x.density is not None else "no vector of the answer"

    def priority(self, x: QueueCandidate) -> float:
        if x.risk is None or x.density is None:
            return behind(x)
        return entropy(x.risk) * max(x.density, 0.0) + TIE * x.shuffle


def entropy(p: float) -> float:
    """Of a coin that shows heads with probability ``p``, in bits."""
    return 0.0 if p <= 0 or p >= 1 else -p * log2(p) - (1 - p) * log2(1 - p)
