"""Votes "faulty" when a calculation of the answer does not hold, "acceptable" when all that were found do (papers 5 and 22).

Arithmetic slips are rare, so the vote for "acceptable" says little; the risk model learns how little.
"""

from __future__ import annotations

from core.checkers.arithmetic import ArithmeticChecker
from core.signals._findings import vote_of
from core.signals.base import REGISTRY, SignalInput
from core.types import Vote


@REGISTRY.register("arithmetic")
class ArithmeticSignal:
    name = "arithmetic"

    def vote(self, x: SignalInput) -> Vote:
        findings = ArithmeticChecker().check(x.answer)
        return vote_of(self.name, x.steps, findings, ("calculation holds", "calculations hold"))
