"""Convincing wrong answers first (OmegaPRM, paper 18): wrong ones to questions that the model often gets right, short ones before
long ones.

Q + U of the answer as a rollout of its question. It is known after the job ``rollouts`` compared the answer with its reference and
sampled others. All else comes after them, riskiest first: answers that nothing is known of, that are right, or whose question is
never or always got right.
"""

from __future__ import annotations

from core.critics.rollout_tree import exploration, quality
from core.policies.base import REGISTRY, Need, QueueCandidate
from core.policies.risk import behind


@REGISTRY.register("convincing-wrong")
class ConvincingWrongPolicy:
    name = "convincing-wrong"
    needs: frozenset[Need] = frozenset({"rollouts"})

    def lacks(self, x: QueueCandidate) -> str:
        return "" if x.rollouts is not None else "no continuations were sampled: name the critic rollouts_reference"

    def priority(self, x: QueueCandidate) -> float:
        known = x.rollouts
        if known is None or not known.wrong or not 0 < known.mc < 1:
            return behind(x)
        return quality(known.mc, known.tokens) + exploration(known.searches, 1)
