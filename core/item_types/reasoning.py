"""A problem that is worked out in steps and ends in one short answer, such as a maths problem."""

from __future__ import annotations

from collections.abc import Sequence

from core import answers, steps
from core.generators.base import Message
from core.item_types.base import REGISTRY
from core.lessons.prompt import fill_slots
from core.types import LessonText, Question, Step

INSTRUCTIONS = (
    "Solve the problem in short numbered steps, one line each. Show every calculation in full. "
    'End with one last line: "Answer: " and the answer alone.'
)


@REGISTRY.register("reasoning")
class ReasoningItem:
    name = "reasoning"

    def messages(
        self, question: Question, lessons: Sequence[LessonText], token_budget: int
    ) -> tuple[list[Message], list[LessonText]]:
        return fill_slots(question, lessons, token_budget, instructions=INSTRUCTIONS)

    def split(self, text: str) -> list[Step]:
        return steps.split(text)

    def same_answer(self, a: str, b: str) -> bool:
        left, right = answers.final_answer(a), answers.final_answer(b)
        return left is not None and right is not None and answers.same(left, right)
