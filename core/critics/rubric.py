"""Asks yes/no checks of each step, "no" unless the answer is exactly yes (ProImage-Bench, paper 6): each failed check halves the score.

The checks here are of any worked solution; a project may give its own. Any generator backend will do.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.critics.base import REGISTRY, CriticInput
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable
from core.types import Critique, Step, StepLabel

MAX_STEPS, TRIES = 40, 2
CHECKS = (
    "Does the step use only values that are given or were worked out before?",
    "Is the operation or inference of the step what the problem calls for?",
    "Is the result that the step states correct?",
)
SYSTEM = "Start from No. Answer Yes only if every detail is explicit and correct. Answer with exactly Yes or No."


@REGISTRY.register("rubric")
class RubricCritic:
    name = "rubric"

    def __init__(self, generator: Generator, checks: Sequence[str] = CHECKS) -> None:
        self._generator, self._checks = generator, tuple(checks)

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Raises ``NotAvailable`` when the backend cannot generate, ``GeneratorError`` when it fails."""
        if Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("rubric needs a backend that generates text")
        return [[self._step(x, step) for step in x.steps[:MAX_STEPS]] for x in inputs]

    def _step(self, x: CriticInput, step: Step) -> Critique:
        shown = "\n".join(f"Step {s.index + 1}: {s.text}" for s in x.steps[: step.index + 1])
        head = f"Problem:\n{x.question.prompt}\n\nSolution:\n{shown}\n\nAbout step {step.index + 1}: "
        passed = [self._yes(head + check) for check in self._checks]
        failed = [check for check, ok in zip(self._checks, passed, strict=True) if not ok]
        points = score(passed)
        label = StepLabel.WRONG if failed else StepLabel.RIGHT
        said = f"Not met: {' '.join(failed)}" if failed else "All checks are met."
        return Critique(step.index, self.name, label, said, max(points, 1 - points))

    def _yes(self, text: str) -> bool:
        """A reply that is neither Yes nor No is asked for again, then counts as No: never a pass."""
        for number in range(TRIES):
            request = GenerationRequest(
                (Message("system", SYSTEM), Message("user", text)), max_new_tokens=4, seed=number
            )
            said = self._generator.generate([request])[0].text.strip().strip(".").casefold()
            if said in ("yes", "no"):
                return said == "yes"
        return False


def score(passed: Sequence[bool]) -> float:
    """0.5 to the number of failed checks."""
    return float(0.5 ** sum(not ok for ok in passed))


def rubric_figures(criteria: Sequence[Sequence[bool | None]]) -> tuple[float, float]:
    """(accuracy, score) over criteria of checks; an unanswered check is a fail. ``ValueError`` without any check."""
    checks = [bool(check) for criterion in criteria for check in criterion]
    if not checks:
        raise ValueError("a rubric needs at least one check")
    return sum(checks) / len(checks), sum(score([bool(c) for c in one]) for one in criteria) / len(criteria)
