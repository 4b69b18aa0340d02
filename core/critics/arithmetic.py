"""Judges the steps that calculate: wrong where a calculation does not hold, right where all of them do (papers 5 and 22).

Exact where it speaks and silent elsewhere. A step whose calculations hold may still be the wrong step, hence its lower confidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.checkers.arithmetic import ArithmeticChecker
from core.checkers.base import Finding
from core.checkers.conversions import ConversionsChecker
from core.critics.base import REGISTRY, CriticInput
from core.types import Critique, Step, StepLabel

SURE_WRONG = 0.95  # on solutions graded by experts fewer than 1 % of clean ones are flagged
SURE_RIGHT = 0.6


@REGISTRY.register("arithmetic")
class ArithmeticCritic:
    name = "arithmetic"

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        return [[c for step in x.steps if (c := self._step(step, findings_in(x.answer, step)))] for x in inputs]

    def _step(self, step: Step, findings: Sequence[Finding]) -> Critique | None:
        wrong = [finding for finding in findings if not finding.ok]
        if wrong:
            said = " ".join(finding.message for finding in wrong[:3])
            return Critique(step.index, self.name, StepLabel.WRONG, said, SURE_WRONG, wrong[0].error_class)
        if findings:
            said = "Checked: " + " ".join(finding.message for finding in findings[:3])
            return Critique(step.index, self.name, StepLabel.RIGHT, said, SURE_RIGHT)
        return None


def findings_in(answer: str, step: Step) -> list[Finding]:
    """What is found of calculations and of conversions between units within one step; spans index the step's text."""
    text = answer[step.start : step.end]
    return sorted([*ArithmeticChecker().check(text), *ConversionsChecker().check(text)], key=lambda f: (f.start, f.end))
