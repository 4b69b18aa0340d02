"""First come, first served: the queue that needs no model and that a blind comparison needs (paper 20)."""

from __future__ import annotations

from core.policies.base import REGISTRY, Need, QueueCandidate


@REGISTRY.register("oldest")
class OldestPolicy:
    name = "oldest"
    needs: frozenset[Need] = frozenset()

    def lacks(self, x: QueueCandidate) -> str:
        return ""

    def priority(self, x: QueueCandidate) -> float:
        """Minus the seconds since 1970, so that larger still comes first."""
        return -x.created_at.timestamp()
