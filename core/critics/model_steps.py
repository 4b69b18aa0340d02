"""Asks the model about one step at a time: is step k right, given the problem and the steps before it? (DeepCritic, paper 14.)

The initial critique of the paper, without its in-depth second pass: the verdict is read from the likelihood of "Yes" and "No", not
from sampled text. A model's habit of saying yes is taken out by subtracting the log-odds of the same question about an empty
problem (contextual calibration). Requests for steps 1, 2, 3 ... share their beginning, so that a backend can keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from core.critics.base import REGISTRY, CriticInput
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable, ScoreRequest
from core.types import Critique, Question, Step, StepLabel

CANDIDATES = ("Yes", "No")
MARGIN = 0.1  # closer to one half than this, the model has no opinion
SPOKEN = 0.6  # confidence in a bare "yes" or "no", whose likelihood is unknown
MAX_STEPS = 40
SYSTEM = "You check solutions step by step. Look only at the step you are asked about and trust the earlier ones. Answer with one word."


@REGISTRY.register("model_steps")
class ModelStepsCritic:
    name = "model_steps"

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._habit: float | None = None

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Empty lists when the backend can neither score nor generate. Raises ``GeneratorError``."""
        asked = [(place, step) for place, x in enumerate(inputs) for step in x.steps[:MAX_STEPS]]
        prompts = [prompt(inputs[place].question, inputs[place].steps, step.index) for place, step in asked]
        found: list[list[Critique]] = [[] for _ in inputs]
        for (place, _), critique in zip(asked, self._judge([s for _, s in asked], prompts), strict=False):
            if critique:
                found[place].append(critique)
        return found

    def _judge(self, steps: Sequence[Step], prompts: Sequence[tuple[Message, ...]]) -> list[Critique | None]:
        if not prompts:
            return []
        try:
            if Capability.SCORE in self._generator.capabilities:
                scored = self._generator.score([ScoreRequest(p, CANDIDATES) for p in prompts])
                return [
                    weighed(step, yes - no - self._habitual()) for step, (yes, no) in zip(steps, scored, strict=True)
                ]
            replies = self._generator.generate([GenerationRequest(p, max_new_tokens=4) for p in prompts])
            return [spoken(step, reply.text) for step, reply in zip(steps, replies, strict=True)]
        except NotAvailable:
            return []

    def _habitual(self) -> float:
        """Log-odds of "Yes" about a problem and a step that say nothing."""
        if self._habit is None:
            yes, no = self._generator.score(
                [ScoreRequest(prompt(Question("N/A"), (Step(0, "N/A", 0, 3),), 0), CANDIDATES)]
            )[0]
            self._habit = yes - no
        return self._habit


def prompt(question: Question, steps: Sequence[Step], index: int) -> tuple[Message, ...]:
    """The question about step ``index``; everything before its last line is the beginning of the next step's prompt."""
    given = f"{question.context}\n\n{question.prompt}" if question.context else question.prompt
    shown = "\n".join(f"Step {step.index + 1}: {step.text}" for step in steps[: index + 1])
    asked = f"Is step {index + 1} correct, given the problem and the steps before it? Answer Yes or No."
    return Message("system", SYSTEM), Message("user", f"Problem:\n{given}\n\nSolution:\n{shown}\n\n{asked}")


def weighed(step: Step, log_odds: float) -> Critique:
    """A critique from the calibrated log-odds that the step is right."""
    right = 1 / (1 + exp(-max(-500.0, min(500.0, log_odds))))
    number, yes, no = step.index + 1, f"{100 * right:.0f} % yes", f"{100 * (1 - right):.0f} % no"
    if abs(right - 0.5) < MARGIN:
        label, said = StepLabel.NEUTRAL, f"Asked whether step {number} is correct, the model is undecided ({no})."
    elif right < 0.5:
        label, said = StepLabel.WRONG, f"The model itself doubts step {number} ({no})."
    else:
        label, said = StepLabel.RIGHT, f"Asked whether step {number} is correct, the model says yes ({yes})."
    return Critique(step.index, ModelStepsCritic.name, label, said, max(right, 1 - right))


def spoken(step: Step, reply: str) -> Critique | None:
    """A critique from a reply in words; ``None`` when it is neither yes nor no."""
    word = reply.strip().split(" ")[0].strip(".,!:*\"'\n").casefold()
    if word not in ("yes", "no"):
        return None
    label = StepLabel.RIGHT if word == "yes" else StepLabel.WRONG
    said = f'Asked whether step {step.index + 1} is correct, the model said "{word}". This backend does not tell how sure it is.'
    return Critique(step.index, ModelStepsCritic.name, label, said, SPOKEN)
