"""A free text, such as a summary, a reply or an edit. Its sentences are its steps, so that a person can point at one."""

from __future__ import annotations

from collections.abc import Sequence

from core import steps
from core.generators.base import Message
from core.item_types.base import REGISTRY
from core.lessons.prompt import fill_slots
from core.types import LessonText, Question, Step


@REGISTRY.register("text")
class TextItem:
    name = "text"

    def messages(
        self, question: Question, lessons: Sequence[LessonText], token_budget: int
    ) -> tuple[list[Message], list[LessonText]]:
        return fill_slots(question, lessons, token_budget)

    def split(self, text: str) -> list[Step]:
        return steps.split(text)

    def same_answer(self, a: str, b: str) -> bool:
        """The same words in the same order, whatever the white space."""
        return bool(a.split()) and a.split() == b.split()
