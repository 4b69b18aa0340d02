"""What differs between kinds of items: how they are asked, split, and when an answer equals another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.generators.base import Message
from core.registry import Registry
from core.types import LessonText, Question, Step


class ItemTypeSpec(Protocol):
    name: str

    def messages(
        self, question: Question, lessons: Sequence[LessonText], token_budget: int
    ) -> tuple[list[Message], list[LessonText]]:
        """The prompt with its three lesson slots filled, and the lessons that fitted, in slot order."""
        ...

    def split(self, text: str) -> list[Step]: ...

    def same_answer(self, a: str, b: str) -> bool:
        """Whether two outputs give the same final answer; false where neither has one."""
        ...


REGISTRY: Registry[ItemTypeSpec] = Registry("item type")
