"""Criticises each step twice and merges both (DeepCritic, paper 14): a first look, then a second that attacks it or tries another way.

Any generator backend will do. Steps are looked at in order, and the pass ends at the first wrong one. The second look's verdict counts;
where only one of the two can be read, that one does, with less confidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.critics.base import REGISTRY, CriticInput
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable
from core.types import Critique, Question, Step, StepLabel

MAX_STEPS = 40
TOKENS = 256
AGREED, ALONE = 0.9, 0.6  # confidence when both looks say the same, and when one overrules or stands alone
_VERDICT = re.compile(r"verdict\W{0,6}(right|wrong|correct|incorrect)\b", re.I)
SYSTEM = "You check one step of a solution. Trust nothing in it. End with a line 'Verdict: right' or 'Verdict: wrong'."
FIRST = "Check step {number} only: its logic against the problem and the steps before it, and its numbers."
SECOND = (
    "A first critique of step {number} says:\n{critique}\n\nTest it: work the step out in another way, or find what the critique "
    "missed. Then give your own verdict."
)


@REGISTRY.register("deliberate")
class DeliberateCritic:
    name = "deliberate"

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Raises ``NotAvailable`` when the backend cannot generate, ``GeneratorError`` when it fails."""
        if Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("deliberate needs a backend that generates text")
        return [self._pass(x) for x in inputs]

    def _pass(self, x: CriticInput) -> list[Critique]:
        found: list[Critique] = []
        for step in x.steps[:MAX_STEPS]:
            first = self._ask(x.question, x.steps, step, FIRST.format(number=step.index + 1))
            second = self._ask(
                x.question, x.steps, step, SECOND.format(number=step.index + 1, critique=first or "(nothing)")
            )
            critique = merged(step, first, second)
            if critique:
                found.append(critique)
                if critique.label is StepLabel.WRONG:
                    break
        return found

    def _ask(self, question: Question, steps: Sequence[Step], step: Step, task: str) -> str:
        given = f"{question.context}\n\n{question.prompt}" if question.context else question.prompt
        shown = "\n".join(f"Step {s.index + 1}: {s.text}" for s in steps[: step.index + 1])
        messages = (Message("system", SYSTEM), Message("user", f"Problem:\n{given}\n\nSolution:\n{shown}\n\n{task}"))
        return self._generator.generate([GenerationRequest(messages, max_new_tokens=TOKENS)])[0].text.strip()


def verdict(text: str) -> StepLabel | None:
    """The last verdict line of a critique; ``None`` without one."""
    said = _VERDICT.findall(text)
    if not said:
        return None
    return StepLabel.RIGHT if said[-1].casefold() in ("right", "correct") else StepLabel.WRONG


def merged(step: Step, first: str, second: str) -> Critique | None:
    """Both looks in one voice; ``None`` when neither can be read."""
    one, two = verdict(first), verdict(second)
    label = two if two is not None else one
    if label is None:
        return None
    plain = [_VERDICT.sub("", text).strip(" *.\n") for text in (first, second)]
    turn = " Looking again: " if one is two else " But looking again: "
    said = turn.join(part for part in plain if part)
    return Critique(step.index, DeliberateCritic.name, label, said, AGREED if one is two else ALONE)
