"""Riskiest first (POLAR, paper 1). Outputs that were not analysed yet stand in the middle; equal risks are in random order."""

from __future__ import annotations

from core.policies.base import REGISTRY, Need, QueueCandidate

UNKNOWN, TIE = 0.5, 1e-6
BEHIND = 4.0  # no other policy's priority is as low as what stands behind


@REGISTRY.register("risk")
class RiskPolicy:
    name = "risk"
    needs: frozenset[Need] = frozenset()

    def lacks(self, x: QueueCandidate) -> str:
        return "" if x.risk is not None else "not judged yet"

    def priority(self, x: QueueCandidate) -> float:
        return (UNKNOWN if x.risk is None else x.risk) + TIE * x.shuffle


def behind(x: QueueCandidate) -> float:
    """Where a policy puts what it cannot compute: behind all else, riskiest first."""
    return RiskPolicy().priority(x) - BEHIND
