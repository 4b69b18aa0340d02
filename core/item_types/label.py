"""A text that gets one of the project's labels. The answer is chosen by likelihood over the labels, so it is always one of them."""

from __future__ import annotations

from collections.abc import Sequence

from core.generators.base import Message
from core.item_types.base import REGISTRY
from core.lessons.prompt import fill_slots
from core.types import LessonText, Question, Step, StepKind

INSTRUCTIONS = "Choose the one label that fits the text. Labels: {labels}. Answer with the label alone."


@REGISTRY.register("label")
class LabelItem:
    name = "label"

    def messages(
        self, question: Question, lessons: Sequence[LessonText], token_budget: int
    ) -> tuple[list[Message], list[LessonText]]:
        instructions = INSTRUCTIONS.replace("{labels}", ", ".join(question.labels))
        return fill_slots(question, lessons, token_budget, instructions=instructions)

    def split(self, text: str) -> list[Step]:
        """The label is the only step."""
        body = text.strip()
        start = len(text) - len(text.lstrip())
        return [Step(0, body, start, start + len(body), StepKind.ANSWER)] if body else []

    def same_answer(self, a: str, b: str) -> bool:
        return bool(a.strip()) and a.strip().casefold() == b.strip().casefold()
