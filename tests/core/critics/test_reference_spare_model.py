from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput, ReferenceInput
from core.critics.reference_spare_model import graded, outcome, prompt
from core.generators.base import Capability, Generation, GenerationRequest, NotAvailable
from core.lenient_json import objects
from core.types import Question, Step, StepLabel

R, W = StepLabel.RIGHT, StepLabel.WRONG
REFERENCE = ("2 * 3 = 6", "6 + 1 = 7", "#### 7")


def case(*steps: str, reference: Sequence[str] = REFERENCE) -> ReferenceInput:
    made = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(steps))
    return ReferenceInput(Question("Two bags of 3 and one?"), "\n".join(steps), made, tuple(reference))


WRONG, RIGHT = case("2 * 3 = 6", "6 + 1 = 8", "The answer is 8."), case("3 + 3 = 6", "one more", "The answer is 7.")


class Scripted:
    name = "scripted"

    def __init__(self, reply: str, *capabilities: Capability) -> None:
        self.reply, self.requests = reply, list[GenerationRequest]()
        self.capabilities = frozenset(capabilities or {Capability.GENERATE})

    def generate(self, requests: Sequence[GenerationRequest], *_: Any) -> list[Generation]:
        self.requests += requests
        return [Generation(self.reply, None, "stop", 1, 1) for _ in requests]


def test_one_generation_grades_all_steps() -> None:
    reply = (
        'Here:\n```json\n[{"student_step": 1, "reference_steps": [1], "explanation": "Same.", "error_category": null,'
        ' "label": "correct"},'
        ' {"student_step": "S2", "reference_steps": [1, 2], "explanation": "It is 7.", "error_category": "calculation_error",'
        ' "label": "Incorrect"}, {"student_step": 3, "reference_steps": [], "explanation": "So.", "label": "correct"},]\n```'
    )
    model = Scripted(reply)
    (found,) = REGISTRY.make("reference_spare_model", model).critique([WRONG])
    assert len(model.requests) == 1
    assert [(c.step_index, c.label, c.error_type) for c in found] == [
        (0, R, None),
        (1, W, "calculation_error"),
        (2, W, None),
    ]
    assert (
        found[0].explanation == "Reference step 1: Same." and found[1].explanation == "Reference steps 1, 2: It is 7."
    )
    assert found[2].explanation == "It does not end in the reference's answer.", "the last step has the outcome's label"


def test_hygiene() -> None:
    unknown = graded(RIGHT, '[{"student_step": 1, "label": "perhaps"}, {"student_step": 3, "label": "incorrect"}]')
    assert [c.label for c in unknown] == [W, W, R], (
        "an unknown label and a step passed over are wrong, the last is the outcome"
    )
    assert unknown[1].explanation == "The grader passed this step over."
    switched = graded(RIGHT, '[{"student_step": 1, "label": "correct"}]', "outcome")
    assert [c.label for c in switched] == [R, R, R]
    assert [c.label for c in graded(WRONG, '[{"student_step": 1, "label": "correct"}]', "outcome")] == [R, W, W]
    assert graded(WRONG, "I cannot.") == []
    no_end = case("2 * 3 = 6", "and so on for one or two of them", reference=("2 * 3 = 6",))
    assert [
        c.label
        for c in graded(no_end, '[{"student_step": 1, "label": "correct"}, {"student_step": 2, "label": "correct"}]')
    ] == [R, R]
    odd = graded(RIGHT, '[{"student_step": 1, "label": "incorrect", "error_category": "NONSENSE"}]')
    assert odd[0].error_type is None


def test_outcomes() -> None:
    assert outcome(RIGHT) is True and outcome(WRONG) is False
    assert outcome(case("and so on, one or two", reference=REFERENCE)) is None


def test_the_prompt_numbers_both_solutions() -> None:
    asked = prompt(WRONG)[-1].content
    assert "R2: 6 + 1 = 7" in asked and "S2: 6 + 1 = 8" in asked


def test_without_a_reference_or_generation() -> None:
    with pytest.raises(NotAvailable, match="reference solution"):
        REGISTRY.make("reference_spare_model", Scripted("")).critique([CriticInput(Question("?"), "x", ())])
    with pytest.raises(NotAvailable, match="generates text"):
        REGISTRY.make("reference_spare_model", Scripted("", Capability.SCORE)).critique([WRONG])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"a": 1}, {"b": "}"}]', [{"a": 1}, {"b": "}"}]),
        ('Sure! {"a": 1,} and {"b": [1, 2,],}', [{"a": 1}, {"b": [1, 2]}]),
        ("{'a': True, 'b': None}", [{"a": True, "b": None}]),
        ('[{"a": "True, so"}, {"b": {"c": 2}}', [{"a": "True, so"}, {"b": {"c": 2}}]),
        ('[{"a": 1}, {"b": "cut of', [{"a": 1}, {"b": "cut of"}]),
        ('{"a": "two\nlines"}', [{"a": "two\nlines"}]),
        ('{ nothing } {"a": 1}', [{"a": 1}]),
        ("", []),
        ("{" * 500, []),
        ('{"a": "\\"', [{"a": '"'}]),
    ],
)
def test_objects_that_a_model_wrote(text: str, found: list[dict[str, Any]]) -> None:
    assert objects(text) == found
