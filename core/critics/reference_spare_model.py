"""Grades all steps against a reference solution in one generation (SPARE, paper 22, the tier with a model): alignment, reason,
label.

One prompt holds the numbered reference and the numbered solution; the reply is a JSON list with one object per step. The paper's
rules of hygiene hold: a label that is neither of the two counts as wrong, so does a step that the model passed over (or it takes
the outcome's label, by a switch), and the last step has the label of the outcome. Different: one example of our own instead of five
per data set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from core.answers import final_answer
from core.critics.base import REGISTRY, CriticInput, ReferenceInput
from core.equality import same
from core.error_types import ERROR_TYPES
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable
from core.lenient_json import objects
from core.types import Critique, Step, StepLabel

MAX_STEPS = 40
TOKENS_PER_STEP, FEWEST_TOKENS = 90, 200
STATED, INFERRED, OUTCOME = (
    0.8,
    0.6,
    0.95,
)  # confidence in a label that was given, was not, and follows from the final answer
_KINDS = {kind.key for kind in ERROR_TYPES}
_LABELS = {
    **dict.fromkeys(("correct", "right", "+1", "1", "true", "+"), StepLabel.RIGHT),
    **dict.fromkeys(("incorrect", "wrong", "-1", "false", "-"), StepLabel.WRONG),
}
SYSTEM = (
    "You grade each step of a student's solution against a reference solution. A step may follow one reference step, several, or none; "
    "another way that is valid is correct. Reply with a JSON list alone, one object per student step: student_step, reference_steps, "
    "explanation, error_category, label. label is correct or incorrect. error_category is null or one of: "
    + ", ".join(kind.key for kind in ERROR_TYPES)
    + "."
)
EXAMPLE = (
    "Problem:\nTwo bags of 3 apples and 1 more. How many apples?\n\nReference:\nR1: 2 * 3 = 6\nR2: 6 + 1 = 7\n\n"
    "Student:\nS1: The bags hold 2 * 3 = 6.\nS2: 6 + 1 = 8, so 8.",
    '[{"student_step": 1, "reference_steps": [1], "explanation": "The same product.", "error_category": null, "label": "correct"}, '
    '{"student_step": 2, "reference_steps": [2], "explanation": "6 + 1 is 7, not 8.", "error_category": "calculation_error", '
    '"label": "incorrect"}]',
)


@REGISTRY.register("reference_spare_model")
class ReferenceSpareModelCritic:
    name = "reference_spare_model"

    def __init__(self, generator: Generator, *, passed_over: Literal["wrong", "outcome"] = "wrong") -> None:
        """``passed_over`` is the label of steps that the model says nothing of."""
        self._generator, self._passed_over = generator, passed_over

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Raises ``NotAvailable`` without a reference or when the backend cannot generate, ``GeneratorError`` when it fails."""
        if Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("reference_spare_model needs a backend that generates text")
        known = [x for x in inputs if isinstance(x, ReferenceInput) and x.reference]
        if len(known) < len(inputs):
            raise NotAvailable("reference_spare_model compares with a reference solution, and there is none")
        requests = [
            GenerationRequest(prompt(x), max_new_tokens=max(FEWEST_TOKENS, TOKENS_PER_STEP * len(x.steps)))
            for x in known
        ]
        replies = self._generator.generate(requests) if requests else []
        return [graded(x, reply.text, self._passed_over) for x, reply in zip(known, replies, strict=True)]


def prompt(x: ReferenceInput) -> tuple[Message, ...]:
    given = f"{x.question.context}\n\n{x.question.prompt}" if x.question.context else x.question.prompt
    reference = "\n".join(f"R{number}: {text}" for number, text in enumerate(x.reference, 1))
    student = "\n".join(f"S{step.index + 1}: {step.text}" for step in x.steps[:MAX_STEPS])
    asked = f"Problem:\n{given}\n\nReference:\n{reference}\n\nStudent:\n{student}"
    return (
        Message("system", SYSTEM),
        Message("user", EXAMPLE[0]),
        Message("assistant", EXAMPLE[1]),
        Message("user", asked),
    )


def graded(x: ReferenceInput, reply: str, passed_over: Literal["wrong", "outcome"] = "wrong") -> list[Critique]:
    """One critique per step; none at all where nothing of the reply can be read."""
    said: dict[int, dict[str, Any]] = {}
    for one in objects(reply):
        number = _number(one.get("student_step"))
        if number is not None:
            said.setdefault(number - 1, one)
    steps = x.steps[:MAX_STEPS]
    if not any(step.index in said for step in steps):
        return []
    right = outcome(x)
    found = [_judged(step, said.get(step.index), right, passed_over) for step in steps]
    if right is not None and len(steps) == len(x.steps):
        found[-1] = _last(found[-1], right)
    return found


def outcome(x: ReferenceInput) -> bool | None:
    """Whether the solution ends in the reference's answer; ``None`` where one of them has none."""
    wanted, found = final_answer("\n".join(x.reference)), final_answer(x.answer)
    return None if wanted is None or found is None else same(found, wanted)


def _judged(step: Step, said: Mapping[str, Any] | None, right: bool | None, passed_over: str) -> Critique:
    name = ReferenceSpareModelCritic.name
    if said is None:
        fine = passed_over == "outcome" and right is True
        given: StepLabel = StepLabel.RIGHT if fine else StepLabel.WRONG
        return Critique(step.index, name, given, "The grader passed this step over.", INFERRED)
    label = _LABELS.get(str(said.get("label")).strip().casefold())
    kind = said.get("error_category")
    sure = STATED if label is not None else INFERRED
    why = " ".join(str(said.get("explanation") or "").split())[:600]
    found = label if label is not None else StepLabel.WRONG
    known = kind if found is StepLabel.WRONG and isinstance(kind, str) and kind in _KINDS else None
    return Critique(step.index, name, found, f"{_aligned(said)} {why}".strip(), sure, known)


def _last(one: Critique, right: bool) -> Critique:
    """The last step carries the label of the outcome, whatever the grader said."""
    label: StepLabel = StepLabel.RIGHT if right else StepLabel.WRONG
    ends = "It ends in the reference's answer." if right else "It does not end in the reference's answer."
    said = one.explanation if one.label is label else ""
    return Critique(
        one.step_index, one.source, label, f"{ends} {said}".strip(), OUTCOME, one.error_type if not right else None
    )


def _aligned(said: Mapping[str, Any]) -> str:
    steps = said.get("reference_steps")
    numbers = [n for n in (_number(s) for s in (steps if isinstance(steps, list) else [steps])) if n is not None]
    if not numbers:
        return "Unaligned."
    return f"Reference {'step' if len(numbers) == 1 else 'steps'} {', '.join(map(str, sorted(set(numbers))))}:"


def _number(value: Any) -> int | None:
    """A step's number, also as "2" or "S2"."""
    found = re.search(r"\d{1,3}", str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    return int(found[0]) if found else None
