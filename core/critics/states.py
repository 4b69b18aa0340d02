"""Judges the steps that write out a state: wrong where it does not follow from the one before (oracle checks, paper 18)."""

from __future__ import annotations

from collections.abc import Sequence

from core.checkers.states import ERROR_CLASS, StatesChecker
from core.critics.base import REGISTRY, CriticInput
from core.types import Critique, StepLabel

SURE_WRONG = 0.9  # of 174 clean public traces 172 pass
SURE_RIGHT = 0.7


@REGISTRY.register("states")
class StatesCritic:
    name = "states"

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        return [self._of(x) for x in inputs]

    def _of(self, x: CriticInput) -> list[Critique]:
        found = StatesChecker().check(x.answer, x.question.prompt)
        critiques = []
        for step in x.steps:
            mine = [one for one in found if step.start <= one.start < step.end]
            wrong = [one for one in mine if not one.ok]
            if wrong:
                said = " ".join(one.message for one in wrong[:3])
                critiques.append(Critique(step.index, self.name, StepLabel.WRONG, said, SURE_WRONG, ERROR_CLASS))
            elif mine:
                critiques.append(Critique(step.index, self.name, StepLabel.RIGHT, mine[0].message, SURE_RIGHT))
        return critiques
