"""Riskiest first (POLAR, paper 1). Outputs that were not analysed yet stand in the middle; equal risks are in random order."""

from __future__ import annotations

from core.policies.base import REGISTRY, QueueCandidate

UNKNOWN, TIE = 0.5, 1e-6


@REGISTRY.register("risk")
class RiskPolicy:
    name = "risk"

    def priority(self, x: QueueCandidate) -> float:
        return (UNKNOWN if x.risk is None else x.risk) + TIE * x.shuffle
