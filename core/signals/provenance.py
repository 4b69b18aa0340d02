"""Votes "faulty" when the answer uses a number that is neither given nor worked out (paper 5, the two referencing errors)."""

from __future__ import annotations

from core.checkers.provenance import ProvenanceChecker
from core.signals._findings import vote_of
from core.signals.base import REGISTRY, SignalInput
from core.types import Vote


@REGISTRY.register("provenance")
class ProvenanceSignal:
    name = "provenance"

    def vote(self, x: SignalInput) -> Vote:
        given = "\n".join((x.question.prompt, x.question.context, x.question.guidelines))
        findings = ProvenanceChecker().check(x.answer, given)
        return vote_of(
            self.name, x.steps, findings, ("number was given or worked out", "numbers were given or worked out")
        )
