"""Where a sure strong judge contradicts the weak one (weak-to-strong, paper 23): there the weak label is likeliest wrong.

The weak supervisor is what people say of the answer, or the share of plain signals against it before anybody has; the strong one is
what the critics add up to. Differently from the paper, both are judges of answers and no students that were trained on each other.
"""

from __future__ import annotations

from core.policies.base import REGISTRY, Need, QueueCandidate
from core.policies.risk import TIE, behind


@REGISTRY.register("disagreement")
class DisagreementPolicy:
    name = "disagreement"
    needs: frozenset[Need] = frozenset({"sides"})

    def lacks(self, x: QueueCandidate) -> str:
        return "" if x.sides is not None else "critics, or signals and people, have not spoken"

    def priority(self, x: QueueCandidate) -> float:
        """How far the two are apart, times how sure the strong one is; 0 to 1."""
        if x.sides is None:
            return behind(x)
        sure = abs(2 * x.sides.strong - 1)
        return abs(x.sides.strong - x.sides.weak) * sure + TIE * x.shuffle
